package llmengine.engine;

/**
 * In which order a packing keeps its rows.
 *
 * @param rotaryPairs D if in every D stored rows row 2 i stands for row i and row 2 i + 1 for row D
 *     / 2 + i; 0 if rows are in their order
 */
public record StoredOrder(int rotaryPairs) {
  /** Rows in their order. */
  public static final StoredOrder PLAIN = new StoredOrder(0);

  public boolean isPlain() {
    return rotaryPairs == 0;
  }

  /** Which row of the matrix the stored row is. */
  public int row(int stored) {
    if (rotaryPairs == 0) {
      return stored;
    }
    int inHead = stored % rotaryPairs;
    return stored - inHead + inHead / 2 + inHead % 2 * (rotaryPairs / 2);
  }

  /** Whether the rows from {@code row} on are in this order, too. */
  boolean canStartAt(int row) {
    return rotaryPairs == 0 || row % rotaryPairs == 0;
  }
}
