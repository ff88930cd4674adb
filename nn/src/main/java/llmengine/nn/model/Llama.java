package llmengine.nn.model;

import java.util.Set;

/**
 * Llama 2 and 3 and the many checkpoints of their shape (Touvron et al. 2023, Dubey et al. 2024).
 */
public final class Llama implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("llama");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    b.activation = config.activation("hidden_act");
    b.qkvBias = config.booleanOr("attention_bias", false);
    b.outputBias = b.qkvBias;
    b.mlpBias = config.booleanOr("mlp_bias", false);
    return b.build();
  }
}
