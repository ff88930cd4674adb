package llmengine.data.process;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Fills packs one after the other, each time with the largest length that still fits. */
public final class GreedyKnapsack {
  private GreedyKnapsack() {}

  /**
   * Packs of indices into {@code lengths}, in the order they were put in. Of equal lengths the last
   * one goes first. Every length must be at most {@code capacity}.
   */
  public static List<int[]> pack(int[] lengths, int capacity) {
    // (length, index) ascending, as one long each
    long[] sorted = new long[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      if (lengths[i] > capacity) {
        throw new IllegalArgumentException(lengths[i] + " > " + capacity);
      }
      sorted[i] = (long) lengths[i] << 32 | i;
    }
    Arrays.sort(sorted);
    var packs = new ArrayList<int[]>();
    int left = sorted.length;
    while (left > 0) {
      int[] pack = new int[Math.min(left, 8)];
      int size = 0;
      int room = capacity;
      for (int fit = lastUpTo(sorted, left, room); fit >= 0; fit = lastUpTo(sorted, left, room)) {
        if (size == pack.length) {
          pack = Arrays.copyOf(pack, 2 * size);
        }
        pack[size++] = (int) sorted[fit];
        room -= (int) (sorted[fit] >>> 32);
        System.arraycopy(sorted, fit + 1, sorted, fit, left - fit - 1);
        left--;
      }
      packs.add(Arrays.copyOf(pack, size));
    }
    return packs;
  }

  /**
   * Index of the last of the first {@code size} entries whose length is at most {@code room}; -1 if
   * there is none.
   */
  private static int lastUpTo(long[] sorted, int size, int room) {
    int from = 0;
    int to = size;
    while (from < to) {
      int middle = (from + to) >>> 1;
      if ((sorted[middle] >>> 32) <= room) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from - 1;
  }
}
