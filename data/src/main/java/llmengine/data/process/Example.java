package llmengine.data.process;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One training row of token ids. {@code labels[t]} is the id to learn at position t or {@link
 * #IGNORED} (labels are not shifted: the prediction made at t-1 is compared with labels[t]). {@code
 * positions} restart at 0 for each sample of a packed row. {@code segments} are the lengths of the
 * parts that may attend within themselves only: one part for a plain row, one per sample under
 * neat_packing, two for preference rows (chosen and rejected; answer and mismatched answer); they
 * sum to the number of ids. Rows for generation are the exception: their ids are a prompt and their
 * labels the whole reference answer, of its own length.
 */
public record Example(int[] ids, int[] labels, int[] positions, int[] segments, Feedback feedback) {
  public static final int IGNORED = -100;

  /** A row without feedback. */
  public Example(int[] ids, int[] labels, int[] positions, int[] segments) {
    this(ids, labels, positions, segments, Feedback.NONE);
  }

  /** One part of a row: a sequence with its labels. */
  public record Part(int[] ids, int[] labels) {}

  /** A row that is one sample. */
  public static Example of(int[] ids, int[] labels) {
    return new Example(ids, labels, upTo(ids.length), new int[] {ids.length});
  }

  /** A row of sequences of these lengths, each with positions from 0. */
  public static Example of(int[] ids, int[] labels, int[] parts, Feedback feedback) {
    int[] positions = new int[ids.length];
    int at = 0;
    for (int part : parts) {
      for (int p = 0; p < part; p++) {
        positions[at++] = p;
      }
    }
    return new Example(ids, labels, positions, parts, feedback);
  }

  /** The sequences that {@link #segments} tells apart. */
  public List<Part> parts() {
    var parts = new ArrayList<Part>(segments.length);
    int at = 0;
    for (int length : segments) {
      parts.add(
          new Part(
              Arrays.copyOfRange(ids, at, at + length),
              Arrays.copyOfRange(labels, at, at + length)));
      at += length;
    }
    return parts;
  }

  /** Number of positions with a label that is learned. */
  public int learned() {
    return learned(labels);
  }

  static int learned(int[] labels) {
    int count = 0;
    for (int label : labels) {
      count += label == IGNORED ? 0 : 1;
    }
    return count;
  }

  private static int[] upTo(int n) {
    int[] positions = new int[n];
    for (int i = 0; i < n; i++) {
      positions[i] = i;
    }
    return positions;
  }
}
