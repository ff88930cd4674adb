package llmengine.engine;

import java.util.List;
import java.util.Optional;

/**
 * How one matrix of weights (N, K) is kept in fewer bits: codes together with whatever scales, zero
 * points and index tables give them their values. A {@link Tensor} of dtype {@link DType#PACKED}
 * looks like any other frozen weight to layers and ops; backends decode it panel by panel while
 * they multiply, so the matrix never exists in float. Read-only, and may be decoded by several
 * threads at once.
 */
public interface Packing {
  /** Name the field uses, e.g. {@code nf4}, {@code Q4_K}, {@code gptq}: what kernels go by. */
  String name();

  /** N, the layer's outputs. */
  int rows();

  /** K, the layer's inputs. */
  int cols();

  /** The tensors it is made of, in an order that the name fixes; they belong to the caller. */
  List<Tensor> parts();

  /** Memory of all parts. */
  default long bytes() {
    long sum = 0;
    for (Tensor part : parts()) {
      sum += part.size() * part.dtype().bytes();
    }
    return sum;
  }

  /**
   * Whether the matrix may be replaced by its decoded values, to merge an adapter into them or to
   * train them: so it is with the blocks of a GGUF file, while what a quantizer packed for training
   * stays frozen.
   */
  default boolean isReplaceable() {
    return false;
  }

  /**
   * Decodes the panel of {@code rows} rows from {@code row} on and {@code cols} columns from {@code
   * col} on: element (r, c) of the panel goes to {@code to[at + r * stride + c]}. Allocates nothing
   * in steady state. The caller has checked the ranges.
   */
  void decode(int row, int col, int rows, int cols, float[] to, int at, int stride);

  /** The codes themselves, if products can be computed from them; empty by default. */
  default Optional<CodedRows> codedRows() {
    return Optional.empty();
  }

  /** The values themselves, if they are stored as plain numbers; empty by default. */
  default Optional<FloatRows> floatRows() {
    return Optional.empty();
  }
}
