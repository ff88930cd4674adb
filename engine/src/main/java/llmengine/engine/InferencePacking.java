package llmengine.engine;

/**
 * A packed weight whose linear layers, when nothing is trained, compute in an arithmetic of their
 * own instead of with decoded values, e.g. LLM.int8() with its 8-bit activations. Training, and
 * every other use of the weight, decodes it.
 */
public interface InferencePacking extends Packing {
  /**
   * y = x W^T, without bias.
   *
   * @param x (M, K) float32
   * @param y (M, N) float32, overwritten
   * @param rows whether each row's result must be bitwise the same whatever the number of rows, as
   *     for generated tokens ({@link Backend#matmulRows})
   */
  void product(Tensor x, Tensor y, boolean rows);
}
