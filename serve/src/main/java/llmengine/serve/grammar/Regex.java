package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Reads a regular expression: what Java, Python and JavaScript agree on, without what looks around.
 * {@code ^} may stand where the text begins and {@code $} where it ends.
 */
final class Regex {
  private static final int MOST_TEXT = 1 << 16;
  private static final int DEEPEST = 100;
  private static final int MOST_TIMES = 100_000;

  private final int[] text;
  private int at;
  private int depth;

  /**
   * One of the alternatives that are in no group.
   *
   * @param expression over characters
   * @param fromStart whether it holds only where the text begins ({@code ^})
   * @param toEnd whether it holds only where the text ends ({@code $})
   */
  record Alternative(Expression expression, boolean fromStart, boolean toEnd) {}

  record Parsed(List<Alternative> alternatives) {
    /** What matches as a whole. */
    Expression expression() {
      return Expression.choice(alternatives.stream().map(Alternative::expression).toList());
    }

    /** What matches somewhere in a text of {@code character}s. */
    Expression within(Expression character) {
      Expression around = Expression.any(character);
      return Expression.choice(
          alternatives.stream()
              .map(
                  a ->
                      Expression.sequence(
                          a.fromStart ? Expression.EMPTY : around,
                          a.expression,
                          a.toEnd ? Expression.EMPTY : around))
              .toList());
    }

    /** With each expression changed. */
    Parsed map(UnaryOperator<Expression> change) {
      return new Parsed(
          alternatives.stream()
              .map(a -> new Alternative(change.apply(a.expression), a.fromStart, a.toEnd))
              .toList());
    }
  }

  private Regex(String source) {
    this.text = source.codePoints().toArray();
  }

  static Parsed parse(String source) {
    if (source.length() > MOST_TEXT) {
      throw GrammarException.of(
          "regex",
          "too long",
          "at most " + MOST_TEXT + " characters",
          source.length() + "",
          "Make it simpler.");
    }
    return new Regex(source).whole();
  }

  private Parsed whole() {
    List<Alternative> alternatives = new ArrayList<>();
    do {
      boolean fromStart = take('^');
      Expression body = sequence();
      alternatives.add(new Alternative(body, fromStart, take('$')));
    } while (take('|'));
    if (at < text.length) {
      throw problem("the end", shown());
    }
    return new Parsed(alternatives);
  }

  private Expression alternatives() {
    if (++depth > DEEPEST) {
      throw problem("at most " + DEEPEST + " groups within each other", "more");
    }
    List<Expression> options = new ArrayList<>();
    do {
      options.add(sequence());
    } while (take('|'));
    depth--;
    return Expression.choice(options);
  }

  private Expression sequence() {
    List<Expression> parts = new ArrayList<>();
    while (at < text.length && text[at] != '|' && text[at] != ')') {
      if (depth == 0 && text[at] == '$' && (at + 1 == text.length || text[at + 1] == '|')) {
        break;
      }
      parts.add(repeated(part()));
    }
    return Expression.sequence(parts);
  }

  private Expression part() {
    int c = text[at++];
    return switch (c) {
      case '(' -> group();
      case '[' -> new Expression.Chars(set());
      case '.' -> new Expression.Chars(CodePoints.ofText("\n\r\u2028\u2029").not());
      case '\\' -> escape();
      case '^', '$' -> {
        at--;
        throw problem("^ where the text begins and $ where it ends", shown());
      }
      case '*', '+', '?', '{' -> {
        at--;
        throw problem("something to repeat", shown());
      }
      default -> Expression.text(Character.toString(c));
    };
  }

  private Expression group() {
    if (take('?')) {
      if (take('P')) {
        groupName();
      } else if (!take(':')) {
        if (at < text.length && (text[at] == '=' || text[at] == '!')) {
          throw problem("no look-ahead", "(?" + Character.toString(text[at]));
        }
        groupName();
      }
    }
    Expression body = alternatives();
    if (!take(')')) {
      throw problem("the closing )", shown());
    }
    return body;
  }

  private void groupName() {
    if (!take('<')) {
      throw problem("(?: or (?<name>", "(?" + shown());
    }
    if (at < text.length && (text[at] == '=' || text[at] == '!')) {
      throw problem("no look-behind", "(?<" + Character.toString(text[at]));
    }
    while (at < text.length && text[at] != '>') {
      at++;
    }
    if (!take('>')) {
      throw problem("a group's name and >", "the end");
    }
  }

  private Expression escape() {
    int c = peek("an escape");
    if (c == 'b' || c == 'B' || c == 'A' || c == 'Z' || c == 'z' || c == 'G') {
      throw problem("no word boundary or anchor", "\\" + (char) c);
    }
    if (c >= '1' && c <= '9' || c == 'k') {
      throw problem("no back reference", "\\" + (char) c);
    }
    return new Expression.Chars(escapedSet());
  }

  /** What follows a backslash, as a set. */
  private CodePoints escapedSet() {
    int c = peek("an escape");
    at++;
    return switch (c) {
      case 'd' -> CharacterClasses.DIGIT;
      case 'D' -> CharacterClasses.DIGIT.not();
      case 'w' -> CharacterClasses.WORD;
      case 'W' -> CharacterClasses.WORD.not();
      case 's' -> CharacterClasses.SPACE;
      case 'S' -> CharacterClasses.SPACE.not();
      case 'p', 'P' -> {
        if (!take('{')) {
          throw problem("\\p{category}", shown());
        }
        StringBuilder name = new StringBuilder();
        while (peek("the closing }") != '}') {
          name.appendCodePoint(text[at++]);
        }
        at++;
        CodePoints set = CharacterClasses.category(name.toString());
        if (set == null) {
          throw problem("a general category such as L, Lu or Nd", "\\p{" + name + "}");
        }
        yield c == 'p' ? set : set.not();
      }
      default -> one(escapedCharacter(c));
    };
  }

  private int escapedCharacter(int c) {
    return switch (c) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'f' -> '\f';
      case 'v' -> 0x0B;
      case 'a' -> 0x07;
      case 'e' -> 0x1B;
      case '0' -> 0;
      case 'x' -> hex(2);
      case 'u' -> {
        if (!take('{')) {
          yield hex(4);
        }
        int from = at;
        while (peek("the closing }") != '}') {
          at++;
        }
        int to = at;
        at = from;
        int value = hex(to - from);
        at++;
        yield value;
      }
      default -> {
        if (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
          throw problem("an escape that is known", "\\" + (char) c);
        }
        yield c;
      }
    };
  }

  private int hex(int digits) {
    long value = 0;
    if (digits < 1 || digits > 8) {
      throw problem("1 to 8 hexadecimal digits", digits + "");
    }
    for (int i = 0; i < digits; i++) {
      int digit = Character.digit(peek("a hexadecimal digit"), 16);
      if (digit < 0) {
        throw problem("a hexadecimal digit", shown());
      }
      value = value << 4 | digit;
      at++;
    }
    if (value > Character.MAX_CODE_POINT) {
      throw problem("a Unicode character", "U+" + Long.toHexString(value));
    }
    return (int) value;
  }

  private CodePoints set() {
    boolean inverted = take('^');
    CodePoints set = CodePoints.NONE;
    boolean first = true;
    while (first || peek("the closing ]") != ']') {
      first = false;
      if (text[at] == '[' && at + 1 < text.length && text[at + 1] == ':') {
        throw problem("no POSIX class: \\d, \\w or a range", "[:");
      }
      if (text[at] == '&' && at + 1 < text.length && text[at + 1] == '&') {
        throw problem("no intersection of classes", "&&");
      }
      CodePoints from = member();
      boolean single = from.ranges().size() == 1 && size(from) == 1;
      if (single && peek("the closing ]") == '-' && at + 1 < text.length && text[at + 1] != ']') {
        at++;
        CodePoints to = member();
        int low = from.ranges().getFirst().from();
        if (to.ranges().size() != 1 || size(to) != 1 || to.ranges().getFirst().from() < low) {
          throw problem("a range that rises", shown());
        }
        set = set.or(CodePoints.of(low, to.ranges().getFirst().from()));
      } else {
        set = set.or(from);
      }
    }
    at++;
    return inverted ? set.not() : set;
  }

  private CodePoints member() {
    int c = peek("the closing ]");
    at++;
    if (c != '\\') {
      return one(c);
    }
    if (peek("an escape") == 'b') {
      at++;
      return one('\b');
    }
    return escapedSet();
  }

  private static int size(CodePoints set) {
    return set.ranges().getFirst().to() - set.ranges().getFirst().from() + 1;
  }

  private static CodePoints one(int c) {
    return CodePoints.of(c, c);
  }

  private Expression repeated(Expression part) {
    int least;
    int most;
    if (take('*')) {
      least = 0;
      most = -1;
    } else if (take('+')) {
      least = 1;
      most = -1;
    } else if (take('?')) {
      least = 0;
      most = 1;
    } else if (take('{')) {
      least = number();
      most = least;
      if (take(',')) {
        most = peek("the closing }") == '}' ? -1 : number();
      }
      if (!take('}')) {
        throw problem("the closing }", shown());
      }
      if (most >= 0 && most < least) {
        throw problem("{least,most}", "{" + least + "," + most + "}");
      }
    } else {
      return part;
    }
    if (at < text.length && text[at] == '+') {
      throw problem("no possessive repetition", "+");
    }
    take('?'); // lazy or greedy is all the same for what matches as a whole
    if (at < text.length && (text[at] == '*' || text[at] == '?' || text[at] == '{')) {
      throw problem("one repetition; a group for two", shown());
    }
    return Expression.repeat(part, least, most);
  }

  private int number() {
    int from = at;
    long value = 0;
    while (at < text.length && text[at] >= '0' && text[at] <= '9') {
      value = Math.min(value * 10 + text[at++] - '0', Integer.MAX_VALUE);
    }
    if (at == from || value > MOST_TIMES) {
      throw problem("a number of at most " + MOST_TIMES, at == from ? shown() : value + "");
    }
    return (int) value;
  }

  private boolean take(int c) {
    if (at < text.length && text[at] == c) {
      at++;
      return true;
    }
    return false;
  }

  private int peek(String expected) {
    if (at == text.length) {
      throw problem(expected, "the end");
    }
    return text[at];
  }

  private String shown() {
    return at < text.length ? "\"" + Character.toString(text[at]) + "\"" : "the end";
  }

  private GrammarException problem(String expected, String got) {
    return GrammarException.of(
        "regex", "position " + (at + 1), expected, got, "Correct the expression.");
  }
}
