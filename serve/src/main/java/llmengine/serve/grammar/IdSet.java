package llmengine.serve.grammar;

import java.util.Arrays;

/** Token ids: a list if they are few, else a bit for each id of the vocabulary. Immutable. */
final class IdSet {
  private final int[] few; // null: bits
  private final long[] bits;

  private IdSet(int[] few, long[] bits) {
    this.few = few;
    this.bits = bits;
  }

  /** The ids whose bits are set; the array may become part of the set. */
  static IdSet of(long[] bits) {
    int count = 0;
    for (long word : bits) {
      count += Long.bitCount(word);
    }
    if (count > bits.length) {
      return new IdSet(null, bits);
    }
    int[] ids = new int[count];
    int at = 0;
    for (int w = 0; w < bits.length; w++) {
      for (long word = bits[w]; word != 0; word &= word - 1) {
        ids[at++] = 64 * w + Long.numberOfTrailingZeros(word);
      }
    }
    return new IdSet(ids, null);
  }

  /** Sets the bits of these ids. */
  void addTo(long[] target) {
    if (few != null) {
      for (int id : few) {
        target[id >> 6] |= 1L << id;
      }
    } else {
      for (int w = 0; w < bits.length; w++) {
        target[w] |= bits[w];
      }
    }
  }

  boolean contains(int id) {
    return few != null
        ? Arrays.binarySearch(few, id) >= 0
        : id >> 6 < bits.length && (bits[id >> 6] >> id & 1) != 0;
  }

  boolean isEmpty() {
    return few != null && few.length == 0;
  }

  long bytes() {
    return 32 + (few != null ? 4L * few.length : 8L * bits.length);
  }

  /** Sets all others to negative infinity. */
  void mask(float[] logits) {
    if (few != null) {
      float[] kept = new float[few.length];
      for (int i = 0; i < few.length; i++) {
        kept[i] = logits[few[i]];
      }
      Arrays.fill(logits, Float.NEGATIVE_INFINITY);
      for (int i = 0; i < few.length; i++) {
        logits[few[i]] = kept[i];
      }
      return;
    }
    int end = Math.min(logits.length, 64 * bits.length);
    for (int w = 0; 64 * w < end; w++) {
      for (long out = ~bits[w]; out != 0; out &= out - 1) {
        int id = 64 * w + Long.numberOfTrailingZeros(out);
        if (id < end) {
          logits[id] = Float.NEGATIVE_INFINITY;
        }
      }
    }
    Arrays.fill(logits, end, logits.length, Float.NEGATIVE_INFINITY);
  }
}
