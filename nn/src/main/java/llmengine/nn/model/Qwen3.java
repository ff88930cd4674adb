package llmengine.nn.model;

import java.util.Set;

/** Qwen 3, dense: Llama with a norm of each query and key head (Yang et al. 2025). */
public final class Qwen3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("qwen3");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    b.activation = config.activation("hidden_act");
    b.qkvBias = config.booleanOr("attention_bias", false);
    b.outputBias = b.qkvBias;
    b.qkNorm = true;
    Qwen2.windows(config, b);
    return b.build();
  }
}
