package llmengine.data.random;

import java.util.Arrays;
import llmengine.data.DataException;

/**
 * Rows held out by {@code val_size}: of {@code default_rng(seed).permutation(n)} the first ids
 * validate and the rest train, both in that order.
 */
public record ValidationSplit(int[] train, int[] validation) {
  /** Below this {@code val_size} nothing is split off. */
  private static final double SMALLEST = 1e-6;

  /**
   * Splits n rows by a fraction below 1 (rounded up to whole rows) or, above 1, by a count of rows
   * (cut to an integer). Exactly 1.0 is refused, as it would leave no training row: for one row use
   * {@link #ofCount}. Below 1e-6 all rows train, in their own order.
   */
  public static ValidationSplit of(int n, double valSize, long seed) {
    if (!(valSize >= SMALLEST)) {
      if (valSize < 0 || Double.isNaN(valSize)) {
        throw new DataException("val_size: not a size: expected >= 0, got " + valSize + ".");
      }
      return new ValidationSplit(range(n), new int[0]);
    }
    if (valSize > 1) {
      return split(n, (long) valSize, valSize, seed);
    }
    return split(n, valSize == 1 ? n : (long) Math.ceil(valSize * n), valSize, seed);
  }

  /** Splits off exactly {@code count} rows (0: none). */
  public static ValidationSplit ofCount(int n, int count, long seed) {
    return count == 0 ? of(n, 0, seed) : split(n, count, count, seed);
  }

  private static ValidationSplit split(int n, long count, Number valSize, long seed) {
    if (count < 0 || count >= n) {
      throw new DataException(
          "val_size: no row would be left to train on: expected a fraction below 1 or a count below"
              + " the "
              + n
              + " rows of the dataset, got "
              + valSize
              + ". Make val_size smaller.");
    }
    int[] order = new NumpyRandom(seed).permutation(n);
    int cut = (int) count;
    return new ValidationSplit(
        Arrays.copyOfRange(order, cut, n), Arrays.copyOfRange(order, 0, cut));
  }

  private static int[] range(int n) {
    int[] out = new int[n];
    for (int i = 0; i < n; i++) {
      out[i] = i;
    }
    return out;
  }
}
