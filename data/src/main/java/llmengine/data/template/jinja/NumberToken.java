package llmengine.data.template.jinja;

import java.math.BigInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A number as a template writes it, and where it ends. */
record NumberToken(Object value, int end) {
  /** Longest number: keeps reading linear. */
  private static final int DIGITS = 400;

  private static final Pattern FLOAT =
      Pattern.compile(
          "(?:\\d+_)*+\\d+(?:(?:\\.(?:\\d+_)*+\\d+)?[eE][+-]?(?:\\d+_)*+\\d+|\\.(?:\\d+_)*+\\d+)");
  private static final Pattern INTEGER =
      Pattern.compile(
          "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[0-9a-fA-F])++|[1-9](?:_?\\d)*+|0(?:_?0)*+");

  static NumberToken read(String source, int from, int line) {
    Matcher matcher = FLOAT.matcher(source).region(from, Math.min(source.length(), from + DIGITS));
    // behind a dot stands an index: a.0.1
    if ((from == 0 || source.charAt(from - 1) != '.') && matcher.lookingAt()) {
      return new NumberToken(Double.parseDouble(matcher.group().replace("_", "")), matcher.end());
    }
    matcher.usePattern(INTEGER);
    if (!matcher.lookingAt()) {
      throw new TemplateError(line, "a number was expected");
    }
    String digits = matcher.group().replace("_", "");
    char base = digits.length() > 2 ? Character.toLowerCase(digits.charAt(1)) : ' ';
    BigInteger value =
        switch (base) {
          case 'b' -> new BigInteger(digits.substring(2), 2);
          case 'o' -> new BigInteger(digits.substring(2), 8);
          case 'x' -> new BigInteger(digits.substring(2), 16);
          default -> new BigInteger(digits);
        };
    return new NumberToken(Numbers.normal(value), matcher.end());
  }
}
