package llmengine.engine;

/**
 * Where a {@link BlockFormat} keeps its codes, for formats whose values are small integers times a
 * scale (and plus a minimum) for 32 values at a time: what products with 8-bit activations read.
 * Offsets are bytes within a block; -1 stands for a part that the format does not have.
 */
public sealed interface CodeLayout {
  /** Values that share one block of memory: 32 or 256. */
  int blockValues();

  int blockBytes();

  /** 32 signed bytes. Value = scale code. */
  record Bytes(int blockBytes, int scaleAt, int codesAt) implements CodeLayout {
    @Override
    public int blockValues() {
      return 32;
    }
  }

  /**
   * 16 bytes of 4 bits, values 0-15 in the low halves, and a word with a fifth bit of each. Value =
   * scale (code - offset) + minimum.
   *
   * @param offset a power of two, or 0 in a format with minimums
   */
  record Nibbles(
      int blockBytes, int scaleAt, int minimumAt, int fifthBitsAt, int codesAt, int offset)
      implements CodeLayout {
    @Override
    public int blockValues() {
      return 32;
    }
  }

  /**
   * Eight groups of 32 values: 128 bytes of 4 bits, groups 2 p and 2 p + 1 in the low and high
   * halves of 32 bytes; 12 bytes with a scale and a minimum of six bits for each group (low halves
   * of the scales 0-3, of the minimums 0-3, then the rest, as Q4_K has them); 32 bytes with the
   * fifth bits of group g in bit g. Value = (scale groupScale) code - minimum groupMinimum.
   */
  record SuperNibbles(
      int blockBytes, int scaleAt, int minimumAt, int sixBitsAt, int fifthBitsAt, int codesAt)
      implements CodeLayout {
    @Override
    public int blockValues() {
      return 256;
    }
  }

  /**
   * 256 values of six bits as in Q6_K: 128 bytes of low halves, 64 bytes of top bits, 16 signed
   * byte scales for 16 values each. Value = (scale groupScale) (code - 32).
   */
  record SixBits(int blockBytes, int codesAt, int topBitsAt, int scalesAt, int scaleAt)
      implements CodeLayout {
    @Override
    public int blockValues() {
      return 256;
    }
  }
}
