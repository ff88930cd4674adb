package llmengine.data.process;

import java.util.EnumSet;
import java.util.Set;

/**
 * A dataset row as token ids before packing. {@code fullLength} is its number of tokens without any
 * cut. A dropped row has no ids.
 */
public record Encoded(int[] ids, int[] labels, int fullLength, Set<Issue> issues) {
  private static final int[] NONE = {};

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

  /** The last token that is learned, or {@link Example#IGNORED} if none is. */
  public int lastLearned() {
    for (int i = labels.length - 1; i >= 0; i--) {
      if (labels[i] != Example.IGNORED) {
        return labels[i];
      }
    }
    return Example.IGNORED;
  }
}
