package llmengine.train.metric;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * BLEU-4 of one sentence (Papineni et al. 2002) over characters, as LLaMA-Factory reports it:
 * orders without a match get the precision 1 / (2^k count), k = 1 for the first of them (Chen and
 * Cherry 2014, smoothing 3).
 */
final class Bleu {
  private static final int ORDERS = 4;

  private Bleu() {}

  /** 0 to 1. */
  static double of(String hypothesis, String reference) {
    int[] found = hypothesis.codePoints().toArray();
    int[] wanted = reference.codePoints().toArray();
    double sum = 0;
    int missing = 0;
    for (int n = 1; n <= ORDERS; n++) {
      long matches = matches(n, found, wanted);
      if (n == 1 && matches == 0) {
        return 0;
      }
      long count = Math.max(1, found.length - n + 1);
      double precision =
          matches > 0 ? (double) matches / count : 1 / (Math.pow(2, ++missing) * count);
      sum += Math.log(precision) / ORDERS;
    }
    double brevity =
        found.length > wanted.length ? 1 : Math.exp(1 - (double) wanted.length / found.length);
    return brevity * Math.exp(sum);
  }

  /** n-grams of the hypothesis that the reference has, each as often as it has it at most. */
  private static long matches(int n, int[] found, int[] wanted) {
    Map<String, Integer> left = new HashMap<>();
    for (int i = 0; i + n <= wanted.length; i++) {
      left.merge(text(wanted, i, n), 1, Integer::sum);
    }
    long matches = 0;
    for (int i = 0; i + n <= found.length; i++) {
      String gram = text(found, i, n);
      int more = left.getOrDefault(gram, 0);
      if (more > 0) {
        left.put(gram, more - 1);
        matches++;
      }
    }
    return matches;
  }

  private static String text(int[] codePoints, int at, int n) {
    int[] part = Arrays.copyOfRange(codePoints, at, at + n);
    return new String(part, 0, n);
  }
}
