package llmengine.engine;

/**
 * Rows of coded weights in host memory: what a {@link Packing} offers to products that read its
 * codes instead of decoded values.
 *
 * @param layout of a block
 * @param address of the first row; valid while the packing's tensors are
 * @param rowBytes from one row to the next, with nothing between
 * @param cols values in a row, whole blocks
 * @param rotaryPairs D if in every D stored rows row 2 i stands for row i and row 2 i + 1 for row D
 *     / 2 + i; 0 if rows are in their order
 */
public record CodedRows(CodeLayout layout, long address, long rowBytes, int cols, int rotaryPairs) {
  /** Rows in their order. */
  public CodedRows(CodeLayout layout, long address, long rowBytes, int cols) {
    this(layout, address, rowBytes, cols, 0);
  }

  /** The same rows, of which every {@code headDim} are stored in rotary pairs. */
  public CodedRows inRotaryPairs(int headDim) {
    return new CodedRows(layout, address, rowBytes, cols, headDim);
  }

  /** Which row of the matrix the stored row is. */
  public int row(int stored) {
    if (rotaryPairs == 0) {
      return stored;
    }
    int inHead = stored % rotaryPairs;
    return stored - inHead + inHead / 2 + inHead % 2 * (rotaryPairs / 2);
  }

  /** Whether the rows from {@code row} on are such rows, too. */
  boolean canStartAt(int row) {
    return rotaryPairs == 0 || row % rotaryPairs == 0;
  }

  CodedRows from(int row) {
    return new CodedRows(layout, address + row * rowBytes, rowBytes, cols, rotaryPairs);
  }
}
