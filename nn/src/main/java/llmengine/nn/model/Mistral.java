package llmengine.nn.model;

import java.util.Arrays;
import java.util.Set;

/** Mistral 7B: Llama with a sliding window in every layer (Jiang et al. 2023). */
public final class Mistral implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("mistral");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    b.activation = config.activation("hidden_act");
    int window = config.intOr("sliding_window", 0);
    Arrays.fill(b.layers, new DecoderSpec.Layer(window, b.layers[0].rope()));
    return b.build();
  }
}
