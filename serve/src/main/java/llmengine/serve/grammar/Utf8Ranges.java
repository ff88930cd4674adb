package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * Character ranges as sequences of byte ranges: each sequence stands for all characters whose UTF-8
 * bytes lie in it byte by byte. The splitting is that of Thompson's compiler for UTF-8 (Cox,
 * "Regular Expression Matching in the Wild", 2010).
 */
final class Utf8Ranges {
  private static final int[] LAST_OF_LENGTH = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};

  private Utf8Ranges() {}

  /** Each sequence is from0, to0, from1, to1, ... */
  static List<int[]> split(CodePoints set) {
    List<int[]> out = new ArrayList<>();
    for (CodePoints.Range r : set.ranges()) {
      split(r.from(), r.to(), out);
    }
    return out;
  }

  private static void split(int from, int to, List<int[]> out) {
    for (int last : LAST_OF_LENGTH) {
      if (from <= last && last < to) {
        split(from, last, out);
        split(last + 1, to, out);
        return;
      }
    }
    int length = length(from);
    for (int i = 1; i < length; i++) {
      int mask = (1 << 6 * i) - 1; // the bits of the last i bytes
      if ((from & ~mask) != (to & ~mask)) {
        if ((from & mask) != 0) {
          split(from, from | mask, out);
          split((from | mask) + 1, to, out);
          return;
        }
        if ((to & mask) != mask) {
          split(from, (to & ~mask) - 1, out);
          split(to & ~mask, to, out);
          return;
        }
      }
    }
    int[] sequence = new int[2 * length];
    for (int i = 0; i < length; i++) {
      sequence[2 * i] = unit(from, i, length);
      sequence[2 * i + 1] = unit(to, i, length);
    }
    out.add(sequence);
  }

  private static int length(int c) {
    return c <= 0x7F ? 1 : c <= 0x7FF ? 2 : c <= 0xFFFF ? 3 : 4;
  }

  /** Byte {@code i} of a character of that many bytes. */
  private static int unit(int c, int i, int length) {
    int bits = c >> 6 * (length - 1 - i);
    if (i > 0) {
      return 0x80 | bits & 0x3F;
    }
    return length == 1 ? bits : 0xFF00 >> length & 0xFF | bits;
  }
}
