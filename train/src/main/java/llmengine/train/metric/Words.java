package llmengine.train.metric;

import com.huaban.analysis.jieba.JiebaSegmenter;
import com.huaban.analysis.jieba.SegToken;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Texts cut into words as LLaMA-Factory's scores need them: by jieba's algorithm and dictionary,
 * which cuts Chinese by meaning and takes runs of Latin letters and digits as words; blanks and
 * signs are words of their own.
 */
final class Words {
  // The library cuts the sign off, and signs beyond 16 bits in two; jieba does not.
  private static final Pattern PERCENTAGE = Pattern.compile("[a-zA-Z0-9]+(?:\\.\\d+)?");

  private Words() {}

  /** Reads the dictionary on first use, which takes a second or two. */
  private static final class Holder {
    static final JiebaSegmenter SEGMENTER = load();

    private static JiebaSegmenter load() {
      PrintStream out = System.out;
      try { // the library reports its loading times on standard output
        System.setOut(
            new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
        return new JiebaSegmenter();
      } finally {
        System.setOut(out);
      }
    }
  }

  static List<String> of(String text) {
    List<String> words = new ArrayList<>();
    int at = 0;
    for (SegToken token : Holder.SEGMENTER.process(text, JiebaSegmenter.SegMode.SEARCH)) {
      // The library makes letters small and narrow, one by one: the text has them as they were.
      String word = text.substring(at, at + token.word.length());
      at += word.length();
      String before = words.isEmpty() ? "" : words.getLast();
      boolean half =
          !before.isEmpty() && Character.isHighSurrogate(before.charAt(before.length() - 1));
      if (half || word.equals("%") && PERCENTAGE.matcher(before).matches()) {
        words.set(words.size() - 1, before + word);
      } else {
        words.add(word);
      }
    }
    return words;
  }
}
