package llmengine.quant.calibrate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import llmengine.engine.FormatException;

/**
 * In which order the columns of a matrix (N, K) are quantized, and which share scale and zero
 * point. A group's columns follow each other in that order.
 */
public final class ColumnGroups {
  private final int[] order;
  private final int[] groupOf;
  private final int groups;

  ColumnGroups(int[] order, int[] groupOf, int groups) {
    this.order = order;
    this.groupOf = groupOf;
    this.groups = groups;
  }

  /**
   * Columns from left to right, {@code groupSize} to a group; the last group is smaller if K is not
   * a multiple.
   *
   * @param groupSize -1 for one group
   */
  public static ColumnGroups sequential(int columns, int groupSize) {
    int size = size(columns, groupSize);
    int[] order = IntStream.range(0, columns).toArray();
    return new ColumnGroups(
        order, Arrays.stream(order).map(c -> c / size).toArray(), (columns + size - 1) / size);
  }

  /**
   * Act-order (desc_act): columns with the largest inputs first, and groups of columns that follow
   * each other in that order, so a group lies scattered over the matrix.
   *
   * @param importance of each column: the diagonal of H
   */
  public static ColumnGroups descending(float[] importance, int groupSize) {
    int columns = importance.length;
    int size = size(columns, groupSize);
    int[] order = sorted(IntStream.range(0, columns), importance);
    int[] groupOf = new int[columns];
    for (int i = 0; i < columns; i++) {
      groupOf[order[i]] = i / size;
    }
    return new ColumnGroups(order, groupOf, (columns + size - 1) / size);
  }

  /**
   * Groups of adjacent columns, as {@link #sequential}, but the group with the largest inputs first
   * and within each the column with the largest (act_group_aware of GPTQModel): the layout of the
   * file stays plain.
   */
  public static ColumnGroups groupAware(float[] importance, int groupSize) {
    ColumnGroups plain = sequential(importance.length, groupSize);
    int size = size(importance.length, groupSize);
    float[] most = new float[plain.groups];
    for (int c = 0; c < importance.length; c++) {
      most[c / size] = Math.max(most[c / size], importance[c]);
    }
    int[] order =
        Arrays.stream(sorted(IntStream.range(0, plain.groups), most))
            .flatMap(
                g -> {
                  int from = g * size;
                  int to = Math.min(importance.length, from + size);
                  return Arrays.stream(sorted(IntStream.range(from, to), importance));
                })
            .toArray();
    return new ColumnGroups(order, plain.groupOf, plain.groups);
  }

  private static int[] sorted(IntStream indices, float[] importance) {
    return indices
        .boxed()
        .sorted(Comparator.comparingDouble((Integer c) -> -importance[c])) // stable
        .mapToInt(c -> c)
        .toArray();
  }

  private static int size(int columns, int groupSize) {
    if (groupSize == 0 || groupSize < -1) {
      throw new FormatException(
          "quantization: bad group size: expected -1 or at least 1, got " + groupSize + ".");
    }
    return groupSize == -1 ? columns : Math.min(groupSize, columns);
  }

  int size() {
    return order.length;
  }

  int groups() {
    return groups;
  }

  /** Column that is quantized at this place in the order. */
  int column(int place) {
    return order[place];
  }

  /** Group of each column. */
  int[] groupOf() {
    return groupOf;
  }

  int groupAt(int place) {
    return groupOf[order[place]];
  }

  /** Place after the last column of the group that has the column at {@code place}. */
  int groupEnd(int place) {
    int end = place;
    while (end < order.length && groupAt(end) == groupAt(place)) {
      end++;
    }
    return end;
  }

  /** Whether groups are runs of adjacent columns from left to right. */
  boolean isSequential() {
    for (int c = 1; c < groupOf.length; c++) {
      if (groupOf[c] < groupOf[c - 1]) {
        return false;
      }
    }
    return true;
  }
}
