package llmengine.quant.encode;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import llmengine.engine.FormatException;
import llmengine.engine.file.GgufType;

/**
 * What a whole GGUF file is quantized to: its base type and which tensors get more bits. The
 * choices are those of llama-quantize without importance matrix (llama-quant.cpp,
 * llama_tensor_get_type_impl), so that files written here hold the same types. {@link #fileType} is
 * the value of {@code general.file_type}.
 */
public enum GgufMix {
  F32(GgufType.F32, 0),
  F16(GgufType.F16, 1),
  BF16(GgufType.BF16, 32),
  Q8_0(GgufType.Q8_0, 7),
  Q4_0(GgufType.Q4_0, 2),
  Q4_1(GgufType.Q4_1, 3),
  Q5_0(GgufType.Q5_0, 8),
  Q5_1(GgufType.Q5_1, 9),
  Q2_K(GgufType.Q2_K, 10),
  Q3_K_S(GgufType.Q3_K, 11),
  Q3_K_M(GgufType.Q3_K, 12),
  Q3_K_L(GgufType.Q3_K, 13),
  Q4_K_S(GgufType.Q4_K, 14),
  Q4_K_M(GgufType.Q4_K, 15),
  Q5_K_S(GgufType.Q5_K, 16),
  Q5_K_M(GgufType.Q5_K, 17),
  Q6_K(GgufType.Q6_K, 18),
  IQ4_NL(GgufType.IQ4_NL, 25),
  IQ4_XS(GgufType.IQ4_XS, 30),
  TQ1_0(GgufType.TQ1_0, 36),
  TQ2_0(GgufType.TQ2_0, 37),
  MXFP4_MOE(GgufType.MXFP4, 38);

  /** Matrices that stay as they are: small, or read by position. */
  private static final List<String> KEPT =
      List.of(
          "_norm.weight",
          "ffn_gate_inp.weight",
          "position_embd",
          "token_types.weight",
          "attn_rel_b.weight",
          "ssm_conv1d",
          "shortconv.conv.weight",
          "altup",
          "laurel",
          "per_layer_model_proj");

  private static final Set<String> EIGHTY_LAYERS_ARE_70B = Set.of("qwen2", "deci", "olmo");
  private static final Pattern LAYER = Pattern.compile("^blk\\.(\\d+)\\.");

  private final GgufType base;
  private final int fileType;

  GgufMix(GgufType base, int fileType) {
    this.base = base;
    this.fileType = fileType;
  }

  /**
   * What the choice of types depends on beside a tensor.
   *
   * @param architecture {@code general.architecture}
   * @param layers blocks, each with one attention and one feed-forward part
   * @param kvHeads key and value heads
   * @param experts experts per layer, 0 if there are none
   * @param tied whether the output projection is the embedding table
   */
  public record Model(
      String architecture, int layers, int heads, int kvHeads, int experts, boolean tied) {
    private boolean sharedHeads() {
      return kvHeads > 0 && heads / kvHeads >= 4;
    }

    private boolean is70b() {
      return layers == 80
          && (EIGHTY_LAYERS_ARE_70B.contains(architecture)
              || architecture.equals("llama") && heads != kvHeads);
    }

    private boolean falcon() {
      return architecture.equals("falcon");
    }

    /** The first and last eighth of the layers, and every third between. */
    private boolean important(int layer) {
      return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
    }
  }

  /**
   * The mix of this name; Q3_K, Q4_K and Q5_K mean their medium mix.
   *
   * @throws FormatException if there is none
   */
  public static GgufMix named(String name) {
    String full = name.toUpperCase(Locale.ROOT).replaceFirst("^(Q[345]_K)$", "$1_M");
    return Arrays.stream(values())
        .filter(mix -> mix.name().equals(full))
        .findFirst()
        .orElseThrow(
            () ->
                new FormatException(
                    "gguf: unknown type of file: expected one of "
                        + Arrays.toString(values())
                        + ", got "
                        + name
                        + ". Choose one of them."));
  }

  /** The type that most matrices get. */
  public GgufType base() {
    return base;
  }

  /** The value of {@code general.file_type}. */
  public int fileType() {
    return fileType;
  }

  /**
   * The type a tensor is stored in.
   *
   * @param tensor its GGUF name, e.g. {@code blk.3.attn_v.weight}
   * @param shape rows first, so the last size is that of a row
   */
  public GgufType typeOf(String tensor, long[] shape, Model model) {
    if (!quantizes(tensor, shape)) {
      return GgufType.F32;
    }
    return plain() ? base : fitting(choose(tensor, shape, model), shape[shape.length - 1]);
  }

  /** The type a tensor is stored in if all matrices get the base type: llama-quantize --pure. */
  public GgufType pureTypeOf(String tensor, long[] shape) {
    if (!quantizes(tensor, shape)) {
      return GgufType.F32;
    }
    return plain() ? base : fitting(base, shape[shape.length - 1]);
  }

  /**
   * The type itself, or the one that replaces it where rows are not whole blocks: of 32 values with
   * about as many bits, else F16.
   */
  public static GgufType fitting(GgufType type, long cols) {
    if (cols % type.blockValues() == 0) {
      return type;
    }
    GgufType replaced =
        switch (type) {
          case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ4_XS -> GgufType.IQ4_NL;
          case Q2_K, Q3_K, TQ1_0, TQ2_0 -> GgufType.Q4_0;
          case Q4_K -> GgufType.Q5_0;
          case Q5_K -> GgufType.Q5_1;
          case Q6_K -> GgufType.Q8_0;
          default -> type;
        };
    return cols % replaced.blockValues() == 0 ? replaced : GgufType.F16;
  }

  /** Whether this is a matrix that is converted at all. */
  static boolean quantizes(String tensor, long[] shape) {
    int first = 0;
    while (first < shape.length && shape[first] == 1) {
      first++;
    }
    return shape.length - first >= 2
        && tensor.endsWith("weight")
        && KEPT.stream().noneMatch(tensor::contains);
  }

  private boolean plain() {
    return switch (this) {
      case F32, F16, BF16 -> true;
      default -> false;
    };
  }

  private GgufType choose(String tensor, long[] shape, Model model) {
    boolean table = tensor.equals("token_embd.weight") || tensor.startsWith("per_layer_token_embd");
    if (tensor.equals("output.weight") || table && model.tied()) {
      return output(shape[shape.length - 1], model);
    }
    if (this == MXFP4_MOE) {
      return shape.length > 2 && shape[shape.length - 3] > 1 ? GgufType.MXFP4 : GgufType.Q8_0;
    }
    if (table) {
      return this == TQ1_0 || this == TQ2_0 ? GgufType.Q4_K : base;
    }
    int layer = layer(tensor);
    if (has(tensor, "attn_qkv") || has(tensor, "attn_kv_b") || has(tensor, "attn_v")) {
      return value(layer, model);
    }
    if (has(tensor, "attn_k") && model.experts() == 8) {
      return GgufType.Q8_0;
    }
    if (has(tensor, "attn_output")) {
      return attentionOutput(model);
    }
    return tensor.contains("ffn_down") ? down(layer, model) : base;
  }

  private static boolean has(String tensor, String part) {
    return tensor.contains(part + ".weight");
  }

  private static int layer(String tensor) {
    Matcher matcher = LAYER.matcher(tensor);
    return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
  }

  private GgufType output(long cols, Model model) {
    return this == MXFP4_MOE || model.falcon() || cols % base.blockValues() != 0 || this == Q8_0
        ? GgufType.Q8_0
        : GgufType.Q6_K;
  }

  /** Value projections: shared by several heads, so worth more bits. */
  private GgufType value(int layer, Model model) {
    GgufType type =
        switch (this) {
          case Q2_K -> model.sharedHeads() ? GgufType.Q4_K : GgufType.Q3_K;
          case Q3_K_M -> layer < 2 ? GgufType.Q5_K : GgufType.Q4_K;
          case Q3_K_L -> GgufType.Q5_K;
          case IQ4_NL, IQ4_XS -> model.sharedHeads() ? GgufType.Q5_K : base;
          case Q4_K_M, Q5_K_M -> model.important(layer) ? GgufType.Q6_K : base;
          case Q4_K_S -> layer < 4 ? GgufType.Q5_K : base;
          default -> base;
        };
    if (model.is70b() && (type == GgufType.Q3_K || type == GgufType.Q4_K)) {
      type = GgufType.Q5_K;
    }
    return model.experts() == 8 ? GgufType.Q8_0 : type;
  }

  private GgufType attentionOutput(Model model) {
    if (model.falcon()) {
      return this == Q3_K_L ? GgufType.Q4_K : base;
    }
    if (model.experts() == 8) {
      return switch (this) {
        case Q2_K, Q3_K_S, Q3_K_M, Q4_K_S, Q4_K_M, IQ4_NL, IQ4_XS -> GgufType.Q5_K;
        default -> base;
      };
    }
    return switch (this) {
      case Q2_K -> GgufType.Q3_K;
      case Q3_K_M -> GgufType.Q4_K;
      case Q3_K_L -> GgufType.Q5_K;
      default -> base;
    };
  }

  private GgufType down(int layer, Model model) {
    boolean first8 = layer < model.layers() / 8;
    boolean first16 = layer < model.layers() / 16;
    boolean important = model.important(layer);
    return switch (this) {
      case Q2_K -> GgufType.Q3_K;
      case Q3_K_M ->
          first16 ? GgufType.Q5_K : !model.falcon() || important ? GgufType.Q4_K : GgufType.Q3_K;
      case Q3_K_L -> model.falcon() ? GgufType.Q4_K : GgufType.Q5_K;
      case Q4_K_M -> {
        if (model.falcon()) {
          yield first16 ? GgufType.Q6_K : important ? GgufType.Q5_K : base;
        }
        yield important ? GgufType.Q6_K : base;
      }
      case IQ4_NL, IQ4_XS -> first8 ? GgufType.Q5_K : base;
      case Q5_K_M -> important ? GgufType.Q6_K : base;
      case Q4_K_S -> first8 && !model.falcon() ? GgufType.Q5_K : base;
      default -> base;
    };
  }
}
