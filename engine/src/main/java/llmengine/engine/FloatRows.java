package llmengine.engine;

/**
 * Rows of plain numbers in host memory: what a {@link Packing} that holds nothing else offers to
 * products, so that they need no decoding.
 *
 * @param dtype F32, BF16 or F16
 * @param address of the first row; valid while the packing's tensors are
 * @param rowBytes from one row to the next
 * @param cols values in a row
 */
public record FloatRows(DType dtype, long address, long rowBytes, int cols, StoredOrder order) {
  /** The same rows in another order. */
  public FloatRows in(StoredOrder other) {
    return new FloatRows(dtype, address, rowBytes, cols, other);
  }

  FloatRows from(int row) {
    return new FloatRows(dtype, address + row * rowBytes, rowBytes, cols, order);
  }
}
