package llmengine.train.metric;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How close generated texts are to their references: means of ROUGE-1, ROUGE-2, ROUGE-L and BLEU-4,
 * in percent, each text's score rounded to four digits first. Adds up as texts come.
 */
public final class Similarity {
  private static final List<String> NAMES = List.of("rouge-1", "rouge-2", "rouge-l", "bleu-4");

  private final double[] sums = new double[NAMES.size()];
  private long count;

  /** One text and what it should have been. */
  public void add(String predicted, String reference) {
    double[] scores = scores(predicted, reference);
    for (int i = 0; i < sums.length; i++) {
      sums[i] += scores[i];
    }
    count++;
  }

  private static double[] scores(String predicted, String reference) {
    List<String> found = Rouge.words(String.join(" ", Words.of(predicted)));
    List<String> wanted = Rouge.words(String.join(" ", Words.of(reference)));
    boolean empty = predicted.isBlank() || reference.isBlank();
    return new double[] {
      empty ? 0 : percent(Rouge.ofNgrams(1, found, wanted)),
      empty ? 0 : percent(Rouge.ofNgrams(2, found, wanted)),
      empty ? 0 : percent(Rouge.ofSubsequence(found, wanted)),
      percent(Bleu.of(predicted, reference))
    };
  }

  private static double percent(double share) {
    return Math.rint(share * 100 * 1e4) / 1e4;
  }

  /** The means by name, such as {@code rouge-1}; NaN without any text. */
  public Map<String, Double> means() {
    Map<String, Double> means = new LinkedHashMap<>();
    for (int i = 0; i < sums.length; i++) {
      means.put(NAMES.get(i), sums[i] / count);
    }
    return means;
  }
}
