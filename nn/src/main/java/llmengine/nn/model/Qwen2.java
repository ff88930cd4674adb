package llmengine.nn.model;

import java.util.Set;

/** Qwen 2 and 2.5: Llama with biases on q, k, v (Yang et al. 2024). */
public final class Qwen2 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("qwen2");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    b.activation = config.activation("hidden_act");
    b.qkvBias = true;
    windows(config, b);
    return b.build();
  }

  /**
   * With {@code use_sliding_window} the layers from {@code max_window_layers} on see the window
   * only.
   */
  static void windows(ModelConfig config, DecoderSpec.Builder b) {
    if (!config.booleanOr("use_sliding_window", false)) {
      return;
    }
    int window = config.intOr("sliding_window", 4096);
    int from = config.intOr("max_window_layers", 28);
    boolean[] sliding = config.slidingLayers(b.layers.length).orElse(null);
    for (int i = 0; i < b.layers.length; i++) {
      boolean slides = sliding == null ? i >= from : sliding[i];
      b.layers[i] = new DecoderSpec.Layer(slides ? window : 0, b.layers[i].rope());
    }
  }
}
