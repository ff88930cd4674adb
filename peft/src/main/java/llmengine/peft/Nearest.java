package llmengine.peft;

import java.util.Collection;
import java.util.Comparator;

/** The known name that a mistyped one most likely stands for. */
final class Nearest {
  private Nearest() {}

  /** " Did you mean ...?" if one of {@code known} is close to {@code wrong}, else nothing. */
  static String hint(String wrong, Collection<String> known) {
    return known.stream()
        .min(Comparator.comparingInt(k -> distance(wrong, k)))
        .filter(k -> distance(wrong, k) <= Math.max(2, wrong.length() / 3))
        .map(k -> " Did you mean " + k + "?")
        .orElse("");
  }

  /** Levenshtein distance. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
