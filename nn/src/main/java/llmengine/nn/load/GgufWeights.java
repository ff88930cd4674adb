package llmengine.nn.load;

import java.util.Map;
import java.util.Optional;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockMatrix;
import llmengine.engine.Buffer;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;
import llmengine.engine.file.GgufType;
import llmengine.nn.WeightSource;
import llmengine.nn.model.DecoderSpec;

/**
 * Weights of a GGUF file under their Hugging Face names, used where the file is mapped: plain types
 * as they are, quantized matrices as PACKED tensors over their blocks. Undone on the way, as
 * llama.cpp's converter did it: rows of q and k interleaved for the llama architecture (in a view
 * that maps rows, so that nothing is copied), 1 added to Gemma's norm weights.
 */
public final class GgufWeights implements WeightSource {
  private static final Map<String, String> LAYER_NAMES =
      Map.ofEntries(
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.qkv_proj", "attn_qkv"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.gate_up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"),
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("pre_feedforward_layernorm", "ffn_norm"),
          Map.entry("post_feedforward_layernorm", "post_ffw_norm"));

  private final GgufFile file;
  private final DecoderSpec spec;
  private final boolean interleaved;

  /**
   * @param architecture {@code general.architecture} of the file
   */
  public GgufWeights(GgufFile file, DecoderSpec spec, String architecture) {
    this.file = file;
    this.spec = spec;
    this.interleaved = architecture.equals("llama");
  }

  @Override
  public boolean has(String name) {
    return file.find(ggufName(name)).isPresent();
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    GgufTensor stored = file.tensor(ggufName(name));
    LoadedShape.check(file.path() + ": " + stored.name(), stored.shape(), shape);
    int heads = heads(name);
    boolean shifted = spec.normOffset() != 0 && name.endsWith("norm.weight");
    Optional<DType> plain = plainType(stored.type());
    if (plain.isPresent() && heads == 0 && !shifted) {
      return scope.map(stored.data(), plain.get(), shape);
    }
    if (isPacked(name, stored)) {
      return packed(scope, stored, heads);
    }
    Tensor t = scope.empty(DType.F32, shape);
    if (!(t.buffer() instanceof Buffer.Host host)) {
      throw new FormatException(
          file.path()
              + ": "
              + stored.name()
              + ": expected a backend in host memory, got "
              + scope.backend().name()
              + ".");
    }
    file.decode(stored, host.segment().asSlice(0, 4 * t.size()));
    if (shifted) {
      float[] w = t.toFloats();
      for (int i = 0; i < w.length; i++) {
        w[i] -= spec.normOffset();
      }
      t.set(w);
    }
    if (heads > 0) {
      halves(scope, t, heads);
    }
    return t;
  }

  /** What the file holds under a Hugging Face name. */
  public Optional<GgufTensor> stored(String name) {
    return file.find(ggufName(name));
  }

  /**
   * Whether {@link #load} gives the tensor as PACKED: quantized matrices, and 16-bit ones whose
   * rows the file interleaves.
   */
  public boolean isPacked(String name, GgufTensor stored) {
    boolean plain = plainType(stored.type()).isPresent();
    return stored.shape().length == 2
        && (!plain || heads(name) > 0 && stored.type() != GgufType.F32);
  }

  private Tensor packed(Scope scope, GgufTensor stored, int heads) {
    BlockFormat format = file.format(stored);
    int rows = Math.toIntExact(stored.shape()[0]);
    int cols = Math.toIntExact(stored.shape()[1]);
    int rowBytes = cols / format.blockValues() * format.blockBytes();
    Tensor bytes = scope.map(stored.data(), DType.U8, rows, rowBytes);
    Packing matrix = new BlockMatrix(format, bytes, cols);
    return scope.pack(heads == 0 ? matrix : new RotaryHalves(matrix, rows / heads));
  }

  /** Rows of a head from rotary pairs (2i, 2i + 1) to halves (i, i + D/2). */
  private static void halves(Scope scope, Tensor t, int heads) {
    int cols = t.shape().rank() == 1 ? 1 : t.cols();
    int rows = (int) (t.size() / cols);
    int headDim = rows / heads;
    Tensor matrix = t.reshape(rows, cols);
    float[] head = new float[headDim * cols];
    float[] turned = new float[head.length];
    for (int h = 0; h < heads; h++) {
      Tensor part = matrix.rows(h * headDim, (h + 1) * headDim);
      scope.backend().read(part, head, 0);
      for (int i = 0; i < headDim / 2; i++) {
        System.arraycopy(head, 2 * i * cols, turned, i * cols, cols);
        System.arraycopy(head, (2 * i + 1) * cols, turned, (i + headDim / 2) * cols, cols);
      }
      part.set(turned);
    }
  }

  /** Heads of a q or k projection whose rows the file interleaves; 0 for all other tensors. */
  private int heads(String name) {
    if (!interleaved) {
      return 0;
    }
    if (name.contains(".q_proj.")) {
      return spec.heads();
    }
    return name.contains(".k_proj.") ? spec.kvHeads() : 0;
  }

  private static Optional<DType> plainType(GgufType type) {
    return switch (type.name()) {
      case "F32" -> Optional.of(DType.F32);
      case "F16" -> Optional.of(DType.F16);
      case "BF16" -> Optional.of(DType.BF16);
      default -> Optional.empty();
    };
  }

  private String ggufName(String name) {
    String kind = name.substring(name.lastIndexOf('.')); // .weight or .bias
    String module = name.substring(0, name.length() - kind.length());
    return switch (module) {
      case "model.embed_tokens" -> "token_embd" + kind;
      case "model.norm" -> "output_norm" + kind;
      case "lm_head" -> "output" + kind;
      default -> {
        String[] parts = module.split("\\.", 4); // model, layers, N, rest
        yield "blk." + parts[2] + "." + layerName(parts[3]) + kind;
      }
    };
  }

  private String layerName(String module) {
    if (module.equals("post_attention_layernorm")) {
      return spec.sandwichNorms() ? "post_attention_norm" : "ffn_norm";
    }
    return LAYER_NAMES.get(module);
  }
}
