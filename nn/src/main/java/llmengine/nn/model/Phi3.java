package llmengine.nn.model;

import java.util.Arrays;
import java.util.Set;

/** Phi 3 and Phi 4: Llama with fused projections (Abdin et al. 2024). */
public final class Phi3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("phi3");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    b.activation = config.activation("hidden_act");
    b.fusedProjections = true;
    int window = config.intOr("sliding_window", 0);
    Arrays.fill(b.layers, new DecoderSpec.Layer(window, b.layers[0].rope()));
    return b.build();
  }
}
