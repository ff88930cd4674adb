package llmengine.data.random;

import java.util.Arrays;

/**
 * numpy's global generator after {@code np.random.seed(seed)}: MT19937. Datasets with {@code
 * num_samples} draw from one of these, shared and in the order they are listed. Not safe for
 * concurrent use.
 */
public final class LegacyNumpyRandom {
  private final Mt19937 words;

  public LegacyNumpyRandom(long seed) {
    words = new Mt19937(seed);
  }

  /** The next 32 bits. */
  public int nextInt() {
    return words.nextWord();
  }

  /** {@code np.random.permutation(n)}. */
  public int[] permutation(int n) {
    int[] out = new int[n];
    for (int i = 0; i < n; i++) {
      out[i] = i;
    }
    for (int i = n - 1; i > 0; i--) {
      int j = interval(i);
      int swap = out[i];
      out[i] = out[j];
      out[j] = swap;
    }
    return out;
  }

  /** {@code np.random.choice(n, count)}: {@code count} numbers of 0 .. n-1, with repetition. */
  public int[] choice(int n, int count) {
    int[] out = new int[count];
    for (int i = 0; i < count; i++) {
      out[i] = n == 1 ? 0 : interval(n - 1);
    }
    return out;
  }

  /**
   * Rows that {@code num_samples} takes of a dataset with {@code n} rows: a permutation cut to the
   * count; when more are asked for than there are, the missing ones are drawn with repetition.
   */
  public int[] sample(int n, int count) {
    int[] rows = Arrays.copyOf(permutation(n), count);
    if (count > n) {
      System.arraycopy(choice(n, count - n), 0, rows, n, count - n);
    }
    return rows;
  }

  private int interval(int top) {
    int mask = -1 >>> Integer.numberOfLeadingZeros(top);
    int value = words.nextWord() & mask;
    while (value > top) {
      value = words.nextWord() & mask;
    }
    return value;
  }
}
