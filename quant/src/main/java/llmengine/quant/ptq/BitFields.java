package llmengine.quant.ptq;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Codes of 2, 3, 4 or 8 bits in a stream of 32-bit words, lowest bits first; codes of 3 bits may
 * cross words. Turned into (code - zero) * scale, a vector at a time.
 */
final class BitFields {
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final int LANES = INTS.length();

  /** Words that are read beyond the last code, whatever they hold. */
  static final int SLACK = Math.max(2, LANES);

  private static final BitFields TWO = new BitFields(2);
  private static final BitFields THREE = new BitFields(3);
  private static final BitFields FOUR = new BitFields(4);
  private static final BitFields EIGHT = new BitFields(8);

  private final int bits;
  private final int mask;
  private final int perWord;
  private final IntVector wordOf; // lane to word
  private final IntVector shifts;

  private BitFields(int bits) {
    this.bits = bits;
    this.mask = (1 << bits) - 1;
    this.perWord = 32 / bits;
    int[] word = new int[LANES];
    int[] shift = new int[LANES];
    for (int i = 0; i < LANES; i++) {
      word[i] = i / perWord;
      shift[i] = i % perWord * bits;
    }
    wordOf = IntVector.fromArray(INTS, word, 0);
    shifts = IntVector.fromArray(INTS, shift, 0);
  }

  /** Whether {@link #of} knows this width. */
  static boolean supports(int bits) {
    return bits == 2 || bits == 3 || bits == 4 || bits == 8;
  }

  static BitFields of(int bits) {
    return switch (bits) {
      case 2 -> TWO;
      case 3 -> THREE;
      case 4 -> FOUR;
      case 8 -> EIGHT;
      default -> throw new IllegalArgumentException(bits + " bits");
    };
  }

  int mask() {
    return mask;
  }

  /** Code {@code i} of a stream that starts at word {@code start}. */
  int code(int[] words, int start, int i) {
    int bit = i * bits;
    int w = start + (bit >>> 5);
    int shift = bit & 31;
    int code = words[w] >>> shift;
    if (shift + bits > 32) {
      code |= words[w + 1] << 32 - shift;
    }
    return code & mask;
  }

  /**
   * A vector of codes from code {@code i} on, which starts a word or, where a word holds more than
   * a vector, a vector's share of it. Not for 3 bits.
   */
  IntVector codes(int[] words, int start, int i) {
    return wordOf
        .selectFrom(IntVector.fromArray(INTS, words, start + i / perWord))
        .lanewise(VectorOperators.LSHR, shifts.add(i % perWord * bits))
        .and(mask);
  }

  /** Puts a code into a stream of zeros. */
  void put(int[] words, int start, int i, int code) {
    long bit = (long) i * bits;
    int w = start + (int) (bit >>> 5);
    int shift = (int) (bit & 31);
    words[w] |= (code & mask) << shift;
    if (shift + bits > 32) {
      words[w + 1] |= (code & mask) >>> 32 - shift;
    }
  }

  /**
   * (code - zero) * scale of {@code count} codes from code {@code first} of the stream on, into
   * {@code to[at ...]}.
   */
  void decode(
      int[] words, int start, int first, int count, float zero, float scale, float[] to, int at) {
    int i = 0;
    if (bits != 3) {
      int step = Math.min(LANES, perWord);
      for (; i < count && (first + i) % step != 0; i++) {
        to[at + i] = (code(words, start, first + i) - zero) * scale;
      }
      for (; i + LANES <= count; i += LANES) {
        codes(words, start, first + i)
            .convert(VectorOperators.I2F, 0)
            .reinterpretAsFloats()
            .sub(zero)
            .mul(scale)
            .intoArray(to, at + i);
      }
    }
    for (; i < count; i++) {
      to[at + i] = (code(words, start, first + i) - zero) * scale;
    }
  }
}
