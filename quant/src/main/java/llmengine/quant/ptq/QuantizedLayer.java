package llmengine.quant.ptq;

import llmengine.engine.ShapeException;

/**
 * A linear layer (N, K) in whole-number codes with a scale and a zero point for each group of
 * inputs and each output: value = scale * (code - zero). What calibrated quantizers make and {@link
 * Gptq} and {@link Awq} store.
 *
 * @param rows N, outputs
 * @param cols K, inputs
 * @param groupSize inputs to a group: G = ceil(K / groupSize) groups
 * @param codes (N, K) row-major
 * @param scales (G, N) row-major
 * @param zeros (G, N) row-major, as codes
 * @param groups (K) the group of each input; null for {@code k / groupSize}
 */
public record QuantizedLayer(
    int rows, int cols, int groupSize, byte[] codes, float[] scales, byte[] zeros, int[] groups) {
  public QuantizedLayer {
    int count = Math.ceilDiv(cols, groupSize);
    if (codes.length != (long) rows * cols
        || scales.length != (long) count * rows
        || zeros.length != scales.length
        || groups != null && groups.length != cols) {
      throw new ShapeException(
          "quantized layer: parts don't fit (%d, %d) in groups of %d: expected %d codes, %d scales and zeros, got %d, %d and %d."
              .formatted(
                  rows,
                  cols,
                  groupSize,
                  (long) rows * cols,
                  (long) count * rows,
                  codes.length,
                  scales.length,
                  zeros.length));
    }
  }

  /** G. */
  public int groupCount() {
    return Math.ceilDiv(cols, groupSize);
  }

  /** The group of input {@code k}. */
  public int group(int k) {
    return groups == null ? k / groupSize : groups[k];
  }
}
