package llmengine.nn;

import llmengine.engine.Tensor;

/**
 * Noise on looked-up embeddings in training (Jain et al. 2023, "NEFTune"), uniform up to {@code
 * magnitude}.
 *
 * @param magnitude largest change of a value of the token table
 * @param key of the step
 * @param rowKeys (M) I32, a number for each token: with the channel they fix its noise
 */
public record EmbeddingNoise(float magnitude, long key, Tensor rowKeys) {
  /**
   * Noise up to alpha / sqrt(L C), L the length to which the Trainer would pad the sequences: a
   * multiple of 8.
   *
   * @param longest tokens of the longest sequence
   * @param width C
   */
  public static EmbeddingNoise neftune(
      double alpha, int longest, int width, long key, Tensor rowKeys) {
    double values = Math.ceilDiv(longest, 8) * 8.0 * width;
    return new EmbeddingNoise((float) (alpha / Math.sqrt(values)), key, rowKeys);
  }
}
