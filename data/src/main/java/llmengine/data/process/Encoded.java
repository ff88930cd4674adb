package llmengine.data.process;

import java.util.EnumSet;
import java.util.Set;

/**
 * A dataset row as token ids before packing. {@code fullLength} is its number of tokens without any
 * cut, of the longer answer where there are two; {@code parts} are the lengths of its sequences:
 * one, or two in preference rows. A dropped row has no ids.
 */
public record Encoded(
    int[] ids, int[] labels, int fullLength, Set<Issue> issues, int[] parts, Feedback feedback) {
  private static final int AFTER_STOP = 3;
  private static final int[] NONE = {};

  Encoded(int[] ids, int[] labels, int fullLength, Set<Issue> issues) {
    this(ids, labels, fullLength, issues, new int[] {ids.length}, Feedback.NONE);
  }

  static Encoded dropped(Issue reason) {
    return new Encoded(NONE, NONE, 0, EnumSet.of(reason));
  }

  /** A kept row with what can be read off its lengths and labels. */
  static Encoded kept(int[] ids, int[] labels, int fullLength, int length) {
    Set<Issue> issues = EnumSet.noneOf(Issue.class);
    if (length < fullLength) {
      issues.add(Issue.TRUNCATED);
    }
    if (Example.learned(labels) == 0) {
      issues.add(Issue.NOTHING_LEARNED);
    }
    return new Encoded(ids, labels, fullLength, issues);
  }

  public boolean isDropped() {
    for (Issue issue : issues) {
      if (issue.dropped()) {
        return true;
      }
    }
    return false;
  }

  /** Whether any token is learned. */
  public boolean isLearned() {
    return Example.learned(labels) > 0;
  }

  /**
   * Whether the learned tokens of the first sequence end with a stop id, or with one and at most
   * {@value #AFTER_STOP} others: many templates write a line end after it.
   */
  public boolean learnsToStop(int[] stopIds) {
    int seen = 0;
    for (int i = parts[0] - 1; i >= 0 && seen <= AFTER_STOP; i--) {
      if (labels[i] != Example.IGNORED) {
        seen++;
        for (int stop : stopIds) {
          if (labels[i] == stop) {
            return true;
          }
        }
      }
    }
    return false;
  }
}
