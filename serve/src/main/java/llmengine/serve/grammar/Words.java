package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Words of chat formats. Where they look like tokens, as {@code <think>} does, the vocabulary may
 * have them as special tokens or only as text; both are allowed.
 */
final class Words {
  private static final Pattern TOKEN = Pattern.compile("<[^<>\\s=]+>|\\[/?[A-Z_]+\\]|◁[^◁▷]+▷");

  private Words() {}

  /** The word, piece by piece. */
  static Expression of(String word) {
    List<Expression> parts = new ArrayList<>();
    Matcher token = TOKEN.matcher(word);
    int at = 0;
    while (token.find()) {
      parts.add(Expression.text(word.substring(at, token.start())));
      parts.add(Expression.word(token.group()));
      at = token.end();
    }
    parts.add(Expression.text(word.substring(at)));
    return Expression.sequence(parts);
  }

  /**
   * Any text up to the first {@code word}, which is included: the automaton of Knuth, Morris and
   * Pratt (1977), one rule a state.
   */
  static Expression until(String word, String prefix, Map<String, Expression> rules) {
    String name = prefix + "until " + word;
    if (rules.containsKey(name)) {
      return Expression.rule(name);
    }
    int[] letters = word.codePoints().toArray();
    int[] fallback = new int[letters.length + 1];
    fallback[0] = -1;
    for (int i = 0; i < letters.length; i++) {
      int k = fallback[i];
      while (k >= 0 && letters[k] != letters[i]) {
        k = fallback[k];
      }
      fallback[i + 1] = k + 1;
    }
    for (int state = 0; state < letters.length; state++) {
      CodePoints others = CodePoints.ALL;
      Map<Integer, CodePoints> targets = new TreeMap<>();
      for (int letter : word.codePoints().distinct().toArray()) {
        int k = state;
        while (k >= 0 && letters[k] != letter) {
          k = fallback[k];
        }
        if (k >= 0) {
          CodePoints one = CodePoints.of(letter, letter);
          others = others.minus(one);
          targets.merge(k + 1, one, CodePoints::or);
        }
      }
      targets.put(0, others);
      List<Expression> options = new ArrayList<>();
      for (Map.Entry<Integer, CodePoints> step : targets.entrySet()) {
        Expression next =
            step.getKey() == letters.length
                ? Expression.EMPTY
                : Expression.rule(state(name, step.getKey()));
        options.add(Expression.sequence(new Expression.Chars(step.getValue()), next));
      }
      options.add(special(word));
      rules.put(state(name, state), Expression.choice(options));
    }
    return Expression.rule(name);
  }

  private static String state(String name, int state) {
    return state == 0 ? name : name + " " + state;
  }

  /** The word as tokens that are no text, so far as it can be so; else nothing. */
  private static Expression special(String word) {
    Matcher token = TOKEN.matcher(word);
    if (!token.lookingAt()) {
      return Expression.choice(List.of());
    }
    return Expression.sequence(
        new Expression.Special(token.group()), of(word.substring(token.end())));
  }
}
