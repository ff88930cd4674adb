package llmengine.train.model;

import java.util.List;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.RopeSpec;
import llmengine.train.config.ModelArguments.RopeScaling;

/** What the key {@code rope_scaling} does to a model: its context grows by a factor. */
final class RopeStretch {
  /** Factor at inference, where no cutoff_len says how much is needed. */
  static final double INFERENCE_FACTOR = 2;

  private RopeStretch() {}

  /**
   * Training: the smallest whole factor by which {@code cutoffLen} fits; unchanged if it fits
   * already.
   */
  static DecoderSpec forTraining(DecoderSpec spec, RopeScaling scaling, int cutoffLen) {
    return cutoffLen <= spec.context()
        ? spec
        : stretched(spec, scaling, Math.ceil(cutoffLen / (double) spec.context()));
  }

  static DecoderSpec stretched(DecoderSpec spec, RopeScaling scaling, double factor) {
    int original = spec.context();
    RopeSpec.Scaling to =
        switch (scaling) {
          case LINEAR -> new RopeSpec.LinearScaling(factor);
          case DYNAMIC -> new RopeSpec.Dynamic(factor, original);
          case YARN -> new RopeSpec.Yarn(factor, original, 32, 1, 0, true);
          case LLAMA3 -> new RopeSpec.Llama3(factor, 1, 4, original);
        };
    List<DecoderSpec.Layer> layers =
        spec.layers().stream()
            .map(l -> new DecoderSpec.Layer(l.window(), l.rope().withScaling(to)))
            .toList();
    return spec.withLayers(layers, (int) (original * factor));
  }
}
