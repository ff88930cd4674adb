package llmengine.nn.load;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import llmengine.engine.FormatException;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;

/** The metadata of a GGUF file as the {@code config.json} that its Hugging Face original has. */
final class GgufConfig {
  /** GGUF architecture to {@code model_type} and architecture class. */
  private static final Map<String, String[]> ARCHITECTURES =
      Map.of(
          "llama", new String[] {"llama", "LlamaForCausalLM"},
          "qwen2", new String[] {"qwen2", "Qwen2ForCausalLM"},
          "qwen3", new String[] {"qwen3", "Qwen3ForCausalLM"},
          "gemma2", new String[] {"gemma2", "Gemma2ForCausalLM"},
          "gemma3", new String[] {"gemma3_text", "Gemma3ForCausalLM"},
          "phi3", new String[] {"phi3", "Phi3ForCausalLM"});

  private final GgufFile file;
  private final String architecture;

  private GgufConfig(GgufFile file) {
    this.file = file;
    this.architecture = architecture(file);
  }

  static String architecture(GgufFile file) {
    Object name = file.metadata().get("general.architecture");
    if (name == null || !ARCHITECTURES.containsKey(name.toString())) {
      throw new FormatException(
          file.path()
              + ": general.architecture: not supported yet: expected one of "
              + new java.util.TreeSet<>(ARCHITECTURES.keySet())
              + ", got "
              + name
              + ".");
    }
    return name.toString();
  }

  static ObjectNode of(GgufFile file) {
    return new GgufConfig(file).json();
  }

  private ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    String[] names = ARCHITECTURES.get(architecture);
    json.put("model_type", names[0]);
    json.putArray("architectures").add(names[1]);
    int heads = required("attention.head_count");
    int width = required("embedding_length");
    json.put("hidden_size", width);
    json.put("intermediate_size", required("feed_forward_length"));
    json.put("num_hidden_layers", required("block_count"));
    json.put("num_attention_heads", heads);
    json.put("num_key_value_heads", (int) number("attention.head_count_kv", heads));
    json.put("head_dim", (int) number("attention.key_length", width / heads));
    json.put("max_position_embeddings", required("context_length"));
    json.put("rms_norm_eps", round(number("attention.layer_norm_rms_epsilon", 1e-5)));
    json.put("vocab_size", (int) file.tensor("token_embd.weight").shape()[0]);
    json.put("tie_word_embeddings", file.find("output.weight").isEmpty());
    ids(json, "bos_token_id", "tokenizer.ggml.bos_token_id");
    ids(json, "eos_token_id", "tokenizer.ggml.eos_token_id");
    ids(json, "pad_token_id", "tokenizer.ggml.padding_token_id");
    boolean gemma = architecture.startsWith("gemma");
    json.put(gemma ? "hidden_activation" : "hidden_act", gemma ? "gelu_pytorch_tanh" : "silu");
    rope(json);
    family(json, heads, width);
    return json;
  }

  private void family(ObjectNode json, int heads, int width) {
    boolean bias = file.find("blk.0.attn_q.bias").isPresent();
    boolean mlpBias = file.find("blk.0.ffn_gate.bias").isPresent();
    int window = (int) number("attention.sliding_window", 0);
    switch (architecture) {
      case "llama" -> {
        json.put("attention_bias", bias);
        json.put("mlp_bias", mlpBias);
        json.put("rope_interleaved", false);
        if (window > 0) { // llama.cpp knows no window here; files written by export name it
          json.put("model_type", "mistral");
          json.putArray("architectures").add("MistralForCausalLM");
          json.put("sliding_window", window);
        }
      }
      case "qwen3" -> json.put("attention_bias", bias);
      case "phi3" -> {
        if (window > 0) {
          json.put("sliding_window", window);
        }
      }
      case "gemma2" -> {
        json.put("sliding_window", window);
        json.put("attn_logit_softcapping", number("attn_logit_softcapping", 50));
        json.put("final_logit_softcapping", number("final_logit_softcapping", 30));
        // only the 27B model scales by C / H instead of D
        attentionScale(json, required("block_count") == 46, width / heads);
      }
      case "gemma3" -> {
        json.put("sliding_window", window);
        json.put("rope_local_base_freq", number("rope.freq_base_swa", 10000));
        if (file.metadata().containsKey("gemma3.final_logit_softcapping")) {
          json.put("final_logit_softcapping", number("final_logit_softcapping", 0));
        }
        attentionScale(json, required("block_count") == 62, width / heads);
      }
      default -> {}
    }
  }

  /** What llama.cpp takes: C / H in the widest model of the family, else D. */
  private void attentionScale(ObjectNode json, boolean widest, int widthPerHead) {
    double usual = widest ? widthPerHead : json.get("head_dim").asInt();
    double scale = number("attention.scale", 1 / Math.sqrt(usual));
    json.put("query_pre_attn_scalar", Math.round(1e3 / (scale * scale)) / 1e3);
  }

  private void rope(ObjectNode json) {
    double base = number("rope.freq_base", 10000);
    json.put("rope_theta", base);
    int rotated = (int) number("rope.dimension_count", json.get("head_dim").asInt());
    if (rotated != json.get("head_dim").asInt()) {
      json.put("partial_rotary_factor", rotated / json.get("head_dim").asDouble());
    }
    Object type = file.metadata().get(architecture + ".rope.scaling.type");
    if (type != null && !type.equals("none")) {
      ObjectNode scaling = json.putObject("rope_scaling");
      scaling.put("rope_type", type.toString());
      double factor = number("rope.scaling.factor", 1);
      scaling.put("factor", factor);
      if (type.equals("yarn")) {
        scaling.put("beta_fast", number("rope.scaling.yarn_beta_fast", 32));
        scaling.put("beta_slow", number("rope.scaling.yarn_beta_slow", 1));
        double amplitude = number("rope.scaling.attn_factor", 1); // beside the usual one
        if (amplitude != 1) {
          scaling.put("attention_factor", amplitude * (0.1 * Math.log(factor) + 1));
        }
      }
      double original = number("rope.scaling.original_context_length", 0);
      if (original > 0) {
        scaling.put("original_max_position_embeddings", (int) original);
      }
    }
    file.find("rope_freqs.weight").ifPresent(t -> llama3(json, t, base, rotated));
    if (file.find("rope_factors_long.weight").isPresent()) {
      throw new FormatException(
          file.path()
              + ": rope_factors_long.weight: longrope is not supported yet: expected rope scaling"
              + " none, linear, yarn or llama3, got longrope.");
    }
  }

  /**
   * Llama 3.1's scaling is stored as one divisor for each frequency. The largest is its factor; the
   * other constants are those of the published models unless the file names others, as export does,
   * and the stored divisors must agree with them.
   */
  private void llama3(ObjectNode json, GgufTensor stored, double base, int rotated) {
    float[] divisors = new float[(int) stored.count()];
    file.decode(stored, 0, divisors, divisors.length);
    double factor = 1;
    for (float d : divisors) {
      factor = Math.max(factor, d);
    }
    int original = (int) number("rope.scaling.original_context_length", 8192);
    double low = number("rope.scaling.low_freq_factor", 1);
    double high = number("rope.scaling.high_freq_factor", 4);
    for (int i = 0; i < divisors.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(base, 2.0 * i / rotated);
      double smooth = Math.clamp((original / wavelength - low) / (high - low), 0, 1);
      double expected = 1 / ((1 - smooth) / factor + smooth);
      if (Math.abs(expected - divisors[i]) > 1e-3 * expected) {
        throw new FormatException(
            file.path()
                + ": rope_freqs.weight["
                + i
                + "]: not supported yet: expected "
                + expected
                + " as in Llama 3.1, got "
                + divisors[i]
                + ".");
      }
    }
    ObjectNode scaling = json.putObject("rope_scaling");
    scaling.put("rope_type", "llama3");
    scaling.put("factor", factor);
    scaling.put("low_freq_factor", low);
    scaling.put("high_freq_factor", high);
    scaling.put("original_max_position_embeddings", original);
  }

  private void ids(ObjectNode json, String key, String metadataKey) {
    if (file.metadata().get(metadataKey) instanceof Number id) {
      json.put(key, id.intValue());
    }
  }

  private int required(String key) {
    if (file.metadata().get(architecture + "." + key) instanceof Number n && n.intValue() > 0) {
      return n.intValue();
    }
    throw new FormatException(
        file.path()
            + ": metadata "
            + architecture
            + "."
            + key
            + ": expected a whole number above 0, got "
            + file.metadata().get(architecture + "." + key)
            + ". The file is not a whole model.");
  }

  private double number(String key, double otherwise) {
    return file.metadata().get(architecture + "." + key) instanceof Number n
        ? n.doubleValue()
        : otherwise;
  }

  /** The decimal that the float32 in the file stands for: 1e-5, not 9.99999974e-6. */
  private static double round(double value) {
    return Double.parseDouble(Float.toString((float) value));
  }
}
