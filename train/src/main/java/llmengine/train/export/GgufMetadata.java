package llmengine.train.export;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import llmengine.data.tokenizer.GgufVocabulary;
import llmengine.engine.Activation;
import llmengine.engine.file.GgufDatum;
import llmengine.engine.file.GgufDatum.Type;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.ModelConfig;
import llmengine.nn.model.RopeSpec;
import llmengine.quant.encode.GgufMix;
import llmengine.train.TrainException;

/**
 * The metadata of a GGUF file: general, of the architecture, of the tokenizer, under the keys that
 * llama.cpp reads (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). What llama.cpp can't
 * express is an error, except where other keys tell it to those who look (Mistral's window).
 */
final class GgufMetadata {
  /** The value of {@code general.quantized_by} by which an earlier export is known. */
  static final String WRITER = "LLM Engine";

  private static final Map<String, String> ARCHITECTURES =
      Map.of(
          "llama", "llama",
          "mistral", "llama",
          "qwen2", "qwen2",
          "qwen3", "qwen3",
          "gemma2", "gemma2",
          "gemma3_text", "gemma3",
          "phi3", "phi3");

  private final ModelConfig config;
  private final DecoderSpec spec;
  private final String architecture;
  private final Map<String, GgufDatum> pairs = new LinkedHashMap<>();

  private GgufMetadata(ModelConfig config, DecoderSpec spec) {
    this.config = config;
    this.spec = spec;
    this.architecture = architecture(config);
  }

  /** {@code general.architecture} of a model of this configuration. */
  static String architecture(ModelConfig config) {
    String name = ARCHITECTURES.get(config.modelType());
    if (name == null) {
      throw new TrainException(
          "export_format: gguf: not supported yet for model_type "
              + config.modelType()
              + ": expected one of "
              + new java.util.TreeSet<>(ARCHITECTURES.keySet())
              + ". Use export_format: hf.");
    }
    return name;
  }

  /**
   * @param name of the model, for people
   * @param parameters of the model
   */
  static Map<String, GgufDatum> of(
      ModelConfig config,
      DecoderSpec spec,
      GgufVocabulary vocabulary,
      GgufMix mix,
      String name,
      long parameters) {
    GgufMetadata metadata = new GgufMetadata(config, spec);
    metadata.general(mix, name, parameters);
    metadata.model();
    metadata.rope();
    metadata.family();
    metadata.tokenizer(vocabulary);
    return metadata.pairs;
  }

  private void general(GgufMix mix, String name, long parameters) {
    pairs.put("general.architecture", GgufDatum.string(architecture));
    pairs.put("general.type", GgufDatum.string("model"));
    pairs.put("general.name", GgufDatum.string(name));
    pairs.put("general.size_label", GgufDatum.string(sizeLabel(parameters)));
    pairs.put("general.quantized_by", GgufDatum.string(WRITER));
    pairs.put("general.file_type", GgufDatum.uint32(mix.fileType()));
    pairs.put("general.quantization_version", GgufDatum.uint32(2));
  }

  /** 135M, 1.7B. */
  static String sizeLabel(long parameters) {
    double value = parameters;
    int unit = 0;
    do {
      value /= 1000;
      unit++;
    } while (value > 1000 && unit < 4);
    String number =
        Math.round(value) >= 10
            ? String.valueOf(Math.round(value))
            : String.format(java.util.Locale.ROOT, "%.1f", value);
    return number + " KMBT".charAt(unit);
  }

  private void model() {
    put("block_count", spec.layers().size());
    put("context_length", context());
    put("embedding_length", spec.width());
    put("feed_forward_length", spec.feedForward());
    put("attention.head_count", spec.heads());
    put("attention.head_count_kv", spec.kvHeads());
    put("attention.layer_norm_rms_epsilon", GgufDatum.float32(spec.normEps()));
    put("attention.key_length", spec.headDim());
    put("attention.value_length", spec.headDim());
    put("vocab_size", spec.vocab());
  }

  /** Beyond the original context "dynamic" changes the base, which llama.cpp can't do. */
  private int context() {
    return lastRope().scaling() instanceof RopeSpec.Dynamic d
        ? Math.min(spec.context(), d.originalContext())
        : spec.context();
  }

  /** The last layer of every family sees everything and has the rotary base of the model. */
  private RopeSpec globalRope() {
    return spec.layers().stream()
        .filter(layer -> layer.window() == 0)
        .map(DecoderSpec.Layer::rope)
        .findFirst()
        .orElse(lastRope());
  }

  private RopeSpec lastRope() {
    return spec.layers().getLast().rope();
  }

  private void rope() {
    RopeSpec rope = architecture.equals("gemma3") ? gemmaRope() : globalRope();
    put("rope.freq_base", GgufDatum.float32(rope.theta()));
    put("rope.dimension_count", rope.dims());
    switch (rope.scaling()) {
      case RopeSpec.None none -> {}
      case RopeSpec.Dynamic dynamic -> {}
      case RopeSpec.LinearScaling s -> {
        put("rope.scaling.type", GgufDatum.string("linear"));
        put("rope.scaling.factor", GgufDatum.float32(s.factor()));
      }
      case RopeSpec.Yarn s -> {
        if (!s.truncate()) {
          throw unfit("rope_scaling truncate", "true", "false");
        }
        put("rope.scaling.type", GgufDatum.string("yarn"));
        put("rope.scaling.factor", GgufDatum.float32(s.factor()));
        put("rope.scaling.original_context_length", s.originalContext());
        put("rope.scaling.yarn_beta_fast", GgufDatum.float32(s.betaFast()));
        put("rope.scaling.yarn_beta_slow", GgufDatum.float32(s.betaSlow()));
        if (s.attentionFactor() > 0) { // there it multiplies the usual amplitude
          double usual = 0.1 * Math.log(s.factor()) + 1;
          put("rope.scaling.attn_factor", GgufDatum.float32(s.attentionFactor() / usual));
        }
      }
      case RopeSpec.Llama3 s -> { // rope_freqs.weight holds the divisors
        if (s.originalContext() != 8192) {
          put("rope.scaling.original_context_length", s.originalContext());
        }
        if (s.lowFrequencyFactor() != 1 || s.highFrequencyFactor() != 4) {
          put("rope.scaling.low_freq_factor", GgufDatum.float32(s.lowFrequencyFactor()));
          put("rope.scaling.high_freq_factor", GgufDatum.float32(s.highFrequencyFactor()));
        }
      }
    }
  }

  /** The rotary embedding of Gemma 3's layers without a window, of which a small model has none. */
  private RopeSpec gemmaRope() {
    if (spec.layers().stream().anyMatch(layer -> layer.window() == 0)) {
      return globalRope();
    }
    double theta =
        config
            .json()
            .path("rope_parameters")
            .path("full_attention")
            .path("rope_theta")
            .asDouble(config.json().path("rope_theta").asDouble(1_000_000));
    return RopeSpec.plain(theta, lastRope().dims());
  }

  private void family() {
    Activation usual = architecture.startsWith("gemma") ? Activation.GELU_TANH : Activation.SILU;
    if (spec.activation() != usual) {
      throw unfit("activation", usual.name(), spec.activation());
    }
    int window = spec.layers().stream().mapToInt(DecoderSpec.Layer::window).max().orElse(0);
    switch (architecture) {
      case "gemma2" -> {
        put("attn_logit_softcapping", GgufDatum.float32(spec.attentionSoftcap()));
        put("final_logit_softcapping", GgufDatum.float32(spec.finalSoftcap()));
        window(window, 2);
        attentionScale(46);
      }
      case "gemma3" -> {
        if (spec.attentionSoftcap() != 0) {
          throw unfit("attn_logit_softcapping", "none", spec.attentionSoftcap());
        }
        if (spec.finalSoftcap() != 0) {
          put("final_logit_softcapping", GgufDatum.float32(spec.finalSoftcap()));
        }
        RopeSpec local =
            spec.layers().stream()
                .filter(layer -> layer.window() > 0)
                .map(DecoderSpec.Layer::rope)
                .findFirst()
                .orElse(globalRope());
        put("rope.freq_base_swa", GgufDatum.float32(local.theta()));
        window(window, 6);
        attentionScale(62);
      }
      case "phi3" -> {
        put("rope.scaling.original_context_length", originalContext());
        put("attention.sliding_window", window);
      }
      case "llama" -> {
        if (window > 0) {
          put("attention.sliding_window", window);
        }
      }
      default -> {
        if (window > 0) {
          throw unfit("use_sliding_window", "false", "true");
        }
      }
    }
  }

  private int originalContext() {
    return config.json().path("original_max_position_embeddings").asInt(spec.context());
  }

  /** A window in all layers but each {@code pattern}th, which llama.cpp takes for granted. */
  private void window(int window, int pattern) {
    for (int i = 0; i < spec.layers().size(); i++) {
      if (spec.layers().get(i).window() != ((i + 1) % pattern == 0 ? 0 : window)) {
        throw unfit(
            "layer_types",
            "full attention in each layer of " + pattern + " alone",
            "another order, first in layer " + i);
      }
    }
    put("attention.sliding_window", window);
  }

  /**
   * llama.cpp takes C / H in the widest model and D in all others; another scale is told to those
   * who look.
   */
  private void attentionScale(int widestLayers) {
    boolean widest = spec.layers().size() == widestLayers;
    double usual = 1 / Math.sqrt(widest ? spec.width() / spec.heads() : spec.headDim());
    if (Math.abs(usual - spec.attentionScale()) > 1e-6) {
      put("attention.scale", GgufDatum.float32(spec.attentionScale()));
    }
  }

  private void tokenizer(GgufVocabulary v) {
    String at = "tokenizer.ggml.";
    v.addsSpacePrefix().ifPresent(p -> pairs.put(at + "add_space_prefix", GgufDatum.bool(p)));
    pairs.put(at + "model", GgufDatum.string(v.model()));
    pairs.put(at + "pre", GgufDatum.string(v.pre()));
    pairs.put(at + "tokens", GgufDatum.array(Type.STRING, v.tokens()));
    if (!v.scores().isEmpty()) {
      pairs.put(at + "scores", GgufDatum.array(Type.FLOAT32, v.scores()));
    }
    pairs.put(at + "token_type", GgufDatum.array(Type.INT32, v.types()));
    if (!v.merges().isEmpty()) {
      pairs.put(at + "merges", GgufDatum.array(Type.STRING, v.merges()));
    }
    id("bos_token_id", v.bos(), config.ids("bos_token_id"));
    id("eos_token_id", v.eos(), config.ids("eos_token_id"));
    id("unknown_token_id", v.unk(), List.of());
    id("padding_token_id", v.pad(), List.of());
    pairs.put(at + "add_bos_token", GgufDatum.bool(v.addsBos()));
    pairs.put(at + "add_eos_token", GgufDatum.bool(false));
    v.chatTemplate().ifPresent(t -> pairs.put("tokenizer.chat_template", GgufDatum.string(t)));
  }

  private void id(String key, OptionalInt id, List<Integer> otherwise) {
    if (id.isPresent()) {
      pairs.put("tokenizer.ggml." + key, GgufDatum.uint32(id.getAsInt()));
    } else if (!otherwise.isEmpty()) {
      pairs.put("tokenizer.ggml." + key, GgufDatum.uint32(otherwise.getFirst()));
    }
  }

  private void put(String key, long value) {
    put(key, GgufDatum.uint32(value));
  }

  private void put(String key, GgufDatum value) {
    pairs.put(architecture + "." + key, value);
  }

  private static TrainException unfit(String key, String expected, Object got) {
    return new TrainException(
        "export_format: gguf: "
            + key
            + ": llama.cpp has no such model: expected "
            + expected
            + ", got "
            + got
            + ". Use export_format: hf.");
  }
}
