package llmengine.nn.optim;

/**
 * A random order of 0 ... {@code size} - 1 that takes no memory: a Feistel network over the next
 * power of four, walked until it lands below {@code size} (Black and Rogaway 2002, "Ciphers with
 * arbitrary finite domains", section 5).
 *
 * @param size at least 1
 */
record Shuffle(long size, long seed) {
  private static final int ROUNDS = 4;

  /** The number at a place of the order. */
  long at(long place) {
    int half = (64 - Long.numberOfLeadingZeros(Math.max(1, size - 1)) + 1) / 2; // bits
    long mask = (1L << half) - 1;
    long x = place;
    do {
      long left = x >>> half;
      long right = x & mask;
      for (int round = 0; round < ROUNDS; round++) {
        long mixed = left ^ mix(right + round * 0xD1B54A32D192ED03L) & mask;
        left = right;
        right = mixed;
      }
      x = left << half | right;
    } while (x >= size);
    return x;
  }

  /** Stafford's variant 13 of MurmurHash3's finalizer. */
  private long mix(long value) {
    long z = value * 0x9E3779B97F4A7C15L + seed;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
