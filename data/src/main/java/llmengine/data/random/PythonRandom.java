package llmengine.data.random;

/**
 * Python's {@code random} module after {@code random.seed(n)}: the same words, and {@code randint}
 * by rejection as {@code _randbelow_with_getrandbits} draws it.
 */
public final class PythonRandom {
  private final Mt19937 twister;

  /**
   * @param seed at least 0
   */
  public PythonRandom(long seed) {
    if (seed < 0) {
      throw new IllegalArgumentException("random: expected a seed >= 0, got " + seed + ".");
    }
    int high = (int) (seed >>> 32);
    this.twister = new Mt19937(high == 0 ? new int[] {(int) seed} : new int[] {(int) seed, high});
  }

  /** A whole number from {@code low} to {@code high}, both included. */
  public int randint(int low, int high) {
    if (low > high) {
      throw new IllegalArgumentException(
          "random: empty range: expected low <= high, got " + low + " and " + high + ".");
    }
    long count = (long) high - low + 1;
    int bits = 64 - Long.numberOfLeadingZeros(count);
    long drawn;
    do {
      drawn = bits > 32 ? wide(bits) : Integer.toUnsignedLong(twister.nextWord()) >>> (32 - bits);
    } while (drawn >= count);
    return (int) (low + drawn);
  }

  /** 33 bits: the first word is the low one. */
  private long wide(int bits) {
    long low = Integer.toUnsignedLong(twister.nextWord());
    return low | Integer.toUnsignedLong(twister.nextWord()) >>> (64 - bits) << 32;
  }
}
