package llmengine.train.metric;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * ROUGE (Lin 2004, "ROUGE: a package for automatic evaluation of summaries") between two sequences
 * of words, as the F score that LLaMA-Factory reports: n-grams count once, and the subsequence is
 * taken over all words. Texts are taken apart into sentences and blanks joined as rouge-chinese
 * does it, so that the numbers are the same.
 */
final class Rouge {
  private static final double TINY = 1e-8;
  private static final Pattern BLANKS = Pattern.compile("[\\p{IsWhite_Space}\\x1c-\\x1f]+");

  private Rouge() {}

  /** Words of a text whose words are joined by blanks. */
  static List<String> words(String joined) {
    String text = joined.replaceAll("([。！？?])([^”’])", "$1\n$2");
    text = text.replaceAll("(\\.{6})([^”’])", "$1\n$2");
    text = text.replaceAll("(…{2})([^”’])", "$1\n$2");
    text = text.replaceAll("([。！？?][”’])([^，。！？?])", "$1\n$2");
    List<String> words = new ArrayList<>();
    for (String sentence : stripEnd(text).split("\n", -1)) {
      if (sentence.isEmpty()) {
        continue;
      }
      List<String> parts = split(sentence);
      words.addAll(parts.isEmpty() ? List.of("") : parts);
    }
    return words;
  }

  private static String stripEnd(String text) {
    int end = text.length();
    while (end > 0 && BLANKS.matcher(text.substring(end - 1, end)).matches()) {
      end--;
    }
    return text.substring(0, end);
  }

  /** The parts between blanks; empty if there are only blanks. */
  static List<String> split(String text) {
    return BLANKS.splitAsStream(text).filter(s -> !s.isEmpty()).toList();
  }

  /** F score of the sets of n-grams, 0 to 1. */
  static double ofNgrams(int n, List<String> hypothesis, List<String> reference) {
    Set<List<String>> found = ngrams(n, hypothesis);
    Set<List<String>> wanted = ngrams(n, reference);
    long common = found.stream().filter(wanted::contains).count();
    return score(common, found.size(), wanted.size());
  }

  private static Set<List<String>> ngrams(int n, List<String> words) {
    Set<List<String>> ngrams = new HashSet<>();
    for (int i = 0; i + n <= words.size(); i++) {
      ngrams.add(words.subList(i, i + n));
    }
    return ngrams;
  }

  /** F score of the longest common subsequence. O(words of one times words of the other). */
  static double ofSubsequence(List<String> hypothesis, List<String> reference) {
    int[] before = new int[reference.size() + 1];
    for (String word : hypothesis) {
      int[] now = new int[before.length];
      for (int j = 1; j < now.length; j++) {
        now[j] =
            word.equals(reference.get(j - 1)) ? before[j - 1] + 1 : Math.max(before[j], now[j - 1]);
      }
      before = now;
    }
    return score(before[reference.size()], hypothesis.size(), reference.size());
  }

  private static double score(double common, double found, double wanted) {
    double precision = found == 0 ? 0 : common / found;
    double recall = wanted == 0 ? 0 : common / wanted;
    return 2 * (precision * recall / (precision + recall + TINY));
  }
}
