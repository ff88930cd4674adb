package llmengine.nn.load;

import java.util.Map;
import llmengine.nn.model.DecoderSpec;

/**
 * How llama.cpp lays out the weights of a model in a GGUF file: their names there, and what its
 * converter does to them. The llama architecture has the rows of q and k in rotary pairs, not
 * halves; Gemma's norm weights hold the 1 that is added to them elsewhere.
 *
 * @param architecture {@code general.architecture} of the file
 */
public record GgufNames(DecoderSpec spec, String architecture) {
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

  /** The name in the file of a weight with this Hugging Face name. */
  public String of(String name) {
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

  /** Heads of a q or k projection whose rows the file has in pairs; 0 for all other weights. */
  public int interleavedHeads(String name) {
    if (!architecture.equals("llama")) {
      return 0;
    }
    if (name.contains(".q_proj.")) {
      return spec.heads();
    }
    return name.contains(".k_proj.") ? spec.kvHeads() : 0;
  }

  /** What the file adds to this weight: {@code normOffset} for norms, else 0. */
  public float offset(String name) {
    return name.endsWith("norm.weight") ? spec.normOffset() : 0;
  }
}
