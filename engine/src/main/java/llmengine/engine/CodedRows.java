package llmengine.engine;

/**
 * Rows of coded weights in host memory: what a {@link Packing} offers to products that read its
 * codes instead of decoded values.
 *
 * @param layout of a block
 * @param address of the first row; valid while the packing's tensors are
 * @param rowBytes from one row to the next, with nothing between
 * @param cols values in a row, whole blocks
 */
public record CodedRows(
    CodeLayout layout, long address, long rowBytes, int cols, StoredOrder order) {
  /** Rows in their order. */
  public CodedRows(CodeLayout layout, long address, long rowBytes, int cols) {
    this(layout, address, rowBytes, cols, StoredOrder.PLAIN);
  }

  /** The same rows in another order. */
  public CodedRows in(StoredOrder other) {
    return new CodedRows(layout, address, rowBytes, cols, other);
  }

  CodedRows from(int row) {
    return new CodedRows(layout, address + row * rowBytes, rowBytes, cols, order);
  }
}
