package llmengine.train.stage;

import java.util.Arrays;
import java.util.Optional;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.EmbeddingNoise;

/**
 * NEFTune's noise for the steps of a run.
 *
 * @param alpha {@code neftune_noise_alpha}; 0 for none
 */
public record Neftune(double alpha, long seed) {
  private static final int PLACE = "noise".hashCode();

  /** No noise. */
  public static final Neftune OFF = new Neftune(0, 0);

  boolean isOn() {
    return alpha > 0;
  }

  /**
   * The noise of a micro-batch; empty if there is none.
   *
   * @param lengths of its sequences
   * @param rowKeys a key for each token
   */
  Optional<EmbeddingNoise> of(Decoder model, int[] lengths, int step, Tensor rowKeys) {
    if (!isOn()) {
      return Optional.empty();
    }
    int longest = Arrays.stream(lengths).max().orElse(1);
    long key = Passes.dropoutKey(seed, step) * 0x9E3779B97F4A7C15L + PLACE;
    return Optional.of(EmbeddingNoise.neftune(alpha, longest, model.spec().width(), key, rowKeys));
  }
}
