package llmengine.data.random;

import java.math.BigInteger;
import llmengine.data.DataException;

/**
 * The generator {@code numpy.random.default_rng(seed)}: PCG64, a 128-bit linear congruential
 * generator with XSL-RR output (O'Neill 2014), seeded through {@link SeedSequence}. Same draws as
 * numpy's, bit for bit. Not safe for concurrent use.
 */
public final class NumpyRandom {
  private static final long MULTIPLIER_HIGH = 0x2360ED051FC65DA4L;
  private static final long MULTIPLIER_LOW = 0x4385DF649FCCF645L;

  private final long incrementHigh;
  private final long incrementLow;
  private long stateHigh;
  private long stateLow;
  // numpy keeps the unused half of a 64-bit draw for the next 32-bit draw
  private int savedHalf;
  private boolean hasSavedHalf;

  /** Generator of a seed >= 0. */
  public NumpyRandom(long seed) {
    this(BigInteger.valueOf(seed));
  }

  /** Generator of a seed >= 0 of any length; a negative one is a {@link DataException}. */
  public NumpyRandom(BigInteger seed) {
    if (seed.signum() < 0) {
      throw new DataException("seed: negative: expected a number >= 0, got " + seed + ".");
    }
    long[] words = new SeedSequence(seed).longs(4);
    incrementHigh = (words[2] << 1) | (words[3] >>> 63);
    incrementLow = (words[3] << 1) | 1;
    step();
    add(words[0], words[1]);
    step();
  }

  /** The next 64 bits. */
  public long nextLong() {
    step();
    return Long.rotateRight(stateHigh ^ stateLow, (int) (stateHigh >>> 58));
  }

  /** The next 32 bits; two of them share one 64-bit draw, low half first. */
  public int nextInt() {
    if (hasSavedHalf) {
      hasSavedHalf = false;
      return savedHalf;
    }
    long draw = nextLong();
    savedHalf = (int) (draw >>> 32);
    hasSavedHalf = true;
    return (int) draw;
  }

  /** {@code random()}: a double in [0, 1). */
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1.0p-53;
  }

  /** {@code integers(0, top, endpoint=True)}: a number in [0, top] by Lemire's method; top >= 0. */
  public long integer(long top) {
    if (top < 0) {
      throw new DataException("integers: empty range: expected top >= 0, got " + top + ".");
    }
    if (top == 0) {
      return 0;
    }
    if (top < 0xFFFFFFFFL) {
      return lemire32(top);
    }
    return top == 0xFFFFFFFFL ? Integer.toUnsignedLong(nextInt()) : lemire64(top);
  }

  /** {@code permutation(n)}: the numbers 0 .. n-1 in random order. */
  public int[] permutation(int n) {
    int[] out = new int[n];
    for (int i = 0; i < n; i++) {
      out[i] = i;
    }
    shuffle(out);
    return out;
  }

  /** {@code shuffle(values)} in place. */
  public void shuffle(int[] values) {
    for (int i = values.length - 1; i > 0; i--) {
      int j = interval(i);
      int swap = values[i];
      values[i] = values[j];
      values[j] = swap;
    }
  }

  /** {@code choice(p.length, p=p)}: an index drawn with these probabilities, which sum to 1. */
  public int choice(double[] probabilities) {
    double total = 0;
    for (double p : probabilities) {
      total += p;
    }
    double draw = nextDouble();
    double sum = 0;
    for (int i = 0; i < probabilities.length - 1; i++) {
      sum += probabilities[i];
      if (sum / total > draw) {
        return i;
      }
    }
    return probabilities.length - 1;
  }

  // numpy's shuffle uses masked rejection where integers() uses Lemire's multiplication
  private int interval(int top) {
    int mask = -1 >>> Integer.numberOfLeadingZeros(top);
    int value = nextInt() & mask;
    while (value > top) {
      value = nextInt() & mask;
    }
    return value;
  }

  private long lemire32(long top) {
    long count = top + 1;
    long product = Integer.toUnsignedLong(nextInt()) * count;
    if ((product & 0xFFFFFFFFL) < count) {
      long threshold = (0xFFFFFFFFL - top) % count;
      while ((product & 0xFFFFFFFFL) < threshold) {
        product = Integer.toUnsignedLong(nextInt()) * count;
      }
    }
    return product >>> 32;
  }

  private long lemire64(long top) {
    long count = top + 1;
    long draw = nextLong();
    long low = draw * count;
    if (Long.compareUnsigned(low, count) < 0) {
      long threshold = Long.remainderUnsigned(-1L - top, count);
      while (Long.compareUnsigned(low, threshold) < 0) {
        draw = nextLong();
        low = draw * count;
      }
    }
    return Math.unsignedMultiplyHigh(draw, count);
  }

  private void step() {
    long high =
        Math.unsignedMultiplyHigh(stateLow, MULTIPLIER_LOW)
            + stateHigh * MULTIPLIER_LOW
            + stateLow * MULTIPLIER_HIGH;
    stateLow *= MULTIPLIER_LOW;
    stateHigh = high;
    add(incrementHigh, incrementLow);
  }

  private void add(long high, long low) {
    long sum = stateLow + low;
    stateHigh += high + (Long.compareUnsigned(sum, low) < 0 ? 1 : 0);
    stateLow = sum;
  }
}
