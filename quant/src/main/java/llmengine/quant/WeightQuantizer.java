package llmengine.quant;

import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * Packs a linear layer's weight while a model is loaded ({@code quantization_bit} and {@code
 * quantization_method}), without calibration data.
 */
public interface WeightQuantizer {
  /** Name the field uses, e.g. {@code nf4}. */
  String name();

  /** Bytes that {@link #quantize} takes from its scope for a matrix (N, K): for memory plans. */
  long bytes(int rows, int cols);

  /**
   * A PACKED tensor (N, K) whose parts live in {@code scope}; the work is done a few rows at a
   * time, so the matrix never exists in float32 as a whole.
   *
   * @param weight (N, K) of any float dtype
   * @throws llmengine.engine.FormatException if a value is not finite or the format can't hold the
   *     shape
   */
  Tensor quantize(Scope scope, String name, Tensor weight);
}
