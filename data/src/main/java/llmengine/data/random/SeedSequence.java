package llmengine.data.random;

import java.math.BigInteger;

/**
 * numpy's SeedSequence: an integer of any length hashed into a pool of four 32-bit words, from
 * which well mixed state words are drawn (M. O'Neill, "Developing a seed_seq alternative").
 */
final class SeedSequence {
  private static final int POOL = 4;
  private static final int INIT_A = 0x43b0d7e5;
  private static final int MULTIPLY_A = 0x931e8875;
  private static final int INIT_B = 0x8b51f9dd;
  private static final int MULTIPLY_B = 0x58f38ded;
  private static final int MIX_LEFT = 0xca01f9dd;
  private static final int MIX_RIGHT = 0x4973f715;

  private final int[] pool = new int[POOL];
  private int hashConstant = INIT_A;

  SeedSequence(BigInteger seed) {
    int[] entropy = words(seed);
    for (int i = 0; i < POOL; i++) {
      pool[i] = hash(i < entropy.length ? entropy[i] : 0);
    }
    for (int from = 0; from < POOL; from++) {
      for (int to = 0; to < POOL; to++) {
        if (from != to) {
          pool[to] = mix(pool[to], hash(pool[from]));
        }
      }
    }
    for (int from = POOL; from < entropy.length; from++) {
      for (int to = 0; to < POOL; to++) {
        pool[to] = mix(pool[to], hash(entropy[from]));
      }
    }
  }

  /** {@code count} 64-bit words, each made of two 32-bit words, the low one first. */
  long[] longs(int count) {
    long[] out = new long[count];
    int constant = INIT_B;
    for (int i = 0; i < 2 * count; i++) {
      int value = pool[i % POOL] ^ constant;
      constant *= MULTIPLY_B;
      value *= constant;
      value ^= value >>> 16;
      out[i / 2] |= Integer.toUnsignedLong(value) << (32 * (i % 2));
    }
    return out;
  }

  private int hash(int value) {
    int hashed = value ^ hashConstant;
    hashConstant *= MULTIPLY_A;
    hashed *= hashConstant;
    return hashed ^ (hashed >>> 16);
  }

  private static int mix(int x, int y) {
    int mixed = MIX_LEFT * x - MIX_RIGHT * y;
    return mixed ^ (mixed >>> 16);
  }

  private static int[] words(BigInteger seed) {
    int[] out = new int[Math.max(1, (seed.bitLength() + 31) / 32)];
    for (int i = 0; i < out.length; i++) {
      out[i] = seed.shiftRight(32 * i).intValue();
    }
    return out;
  }
}
