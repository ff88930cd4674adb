package llmengine.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.Segments;

/**
 * Groups of shifted sparse attention (Chen et al. 2023, "LongLoRA", section 3.2): a row is cut into
 * groups, and a token attends within its group only; for half of the heads the cuts lie half a
 * group further on. Sequences packed into a row stay apart.
 *
 * @param rows lengths of the rows, laid end to end
 * @param sequences lengths of the sequences that the rows consist of
 * @param size tokens of a group: an even number above 0
 */
public record ShiftedGroups(int[] rows, int[] sequences, int size) {
  /** Groups of a quarter of the longest row, itself rounded up to a multiple of 8. */
  public static ShiftedGroups quarters(int[] rows, int[] sequences) {
    int longest = Arrays.stream(rows).max().orElse(1);
    return new ShiftedGroups(rows, sequences, 2 * Math.ceilDiv(longest, 8));
  }

  /** For the first half of the heads. */
  public Segments plain() {
    return cut(0, false);
  }

  /**
   * For the other half.
   *
   * @param wraps whether the first half group of a row sees its last one, though that comes later,
   *     as where the row is rolled by half a group
   */
  public Segments shifted(boolean wraps) {
    return cut(size / 2, wraps);
  }

  private Segments cut(int first, boolean wraps) {
    List<int[]> stretches = new ArrayList<>(); // row of tokens, length, prefix and its length
    int start = 0;
    int s = 0;
    for (int row : rows) {
      int inRow = s;
      int head = stretches.size();
      for (int at = 0; at < row; s++) {
        for (int end = at + sequences[s]; at < end; ) {
          int cut = first + Math.ceilDiv(at + 1 - first, size) * size;
          int to = Math.min(end, cut);
          stretches.add(new int[] {start + at, to - at, 0, 0});
          at = to;
        }
      }
      int tail = 3 * size + first; // where the group begins that goes on at the row's start
      if (wraps && s == inRow + 1 && row > tail) {
        int[] beginning = stretches.remove(head);
        beginning[2] = start + tail;
        beginning[3] = row - tail;
        stretches.add(beginning); // behind the stretch whose keys it shares
      }
      start += row;
    }
    int[] from = column(stretches, 0);
    int[] length = column(stretches, 1);
    int[] keys = length.clone();
    for (int i = 0; i < keys.length; i++) {
      keys[i] += stretches.get(i)[3];
    }
    return new Segments(from, length, from, keys, column(stretches, 2), column(stretches, 3));
  }

  private static int[] column(List<int[]> rows, int c) {
    return rows.stream().mapToInt(r -> r[c]).toArray();
  }
}
