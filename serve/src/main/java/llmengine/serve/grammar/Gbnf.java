package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a grammar in llama.cpp's GBNF (its grammars/README.md describes the notation). */
final class Gbnf {
  private static final int MOST_TEXT = 1 << 20;
  private static final int DEEPEST = 100;
  private static final int MOST_SIGNS = 4;

  private final int[] text;
  private int at;
  private int depth;

  Gbnf(String text) {
    if (text.length() > MOST_TEXT) {
      throw GrammarException.of(
          "grammar",
          "too long",
          "at most " + MOST_TEXT + " characters",
          text.length() + "",
          "Make it simpler.");
    }
    this.text = text.codePoints().toArray();
  }

  Map<String, Expression> rules() {
    Map<String, Expression> rules = new LinkedHashMap<>();
    skip(true);
    while (at < text.length) {
      String name = name();
      skip(false);
      expect("::=");
      skip(true);
      Expression body = alternatives(false);
      if (rules.put(name, body) != null) {
        throw problem("one definition of each rule", "a second one of " + name);
      }
      if (at < text.length && text[at] != '\n' && text[at] != '\r') {
        throw problem("the end of the line", shown());
      }
      skip(true);
    }
    if (!rules.containsKey("root")) {
      throw problem("a rule root", "none");
    }
    return rules;
  }

  private Expression alternatives(boolean nested) {
    if (++depth > DEEPEST) {
      throw problem("at most " + DEEPEST + " groups within each other", "more");
    }
    List<Expression> options = new ArrayList<>();
    options.add(sequence(nested));
    while (bar(nested)) {
      options.add(sequence(nested));
    }
    depth--;
    return Expression.choice(options);
  }

  // Outside groups a line break ends the rule, unless the next line goes on with a bar.
  private boolean bar(boolean nested) {
    int before = at;
    skip(true);
    if (at < text.length && text[at] == '|') {
      at++;
      skip(true);
      return true;
    }
    if (!nested) {
      at = before;
    }
    return false;
  }

  private Expression sequence(boolean nested) {
    List<Expression> parts = new ArrayList<>();
    while (at < text.length) {
      Expression part = part();
      if (part == null) {
        break;
      }
      int before = -1;
      for (int signs = 0; at != before; signs++) {
        if (signs > MOST_SIGNS) {
          throw problem("at most " + MOST_SIGNS + " repetitions in a row", "more");
        }
        before = at;
        part = repeated(part);
      }
      parts.add(part);
      skip(nested);
    }
    return Expression.sequence(parts);
  }

  /** Null where no part begins. */
  private Expression part() {
    int c = text[at];
    if (c == '"') {
      at++;
      StringBuilder literal = new StringBuilder();
      while (peek("the closing \"") != '"') {
        literal.appendCodePoint(character());
      }
      at++;
      return Expression.text(literal.toString());
    }
    if (c == '[') {
      at++;
      return set();
    }
    if (c == '.') {
      at++;
      return new Expression.Chars(CodePoints.ALL);
    }
    if (c == '(') {
      at++;
      skip(true);
      Expression group = alternatives(true);
      skip(true);
      if (peek("the closing )") != ')') {
        throw problem("the closing )", shown());
      }
      at++;
      return group;
    }
    if (c == '<') {
      return token();
    }
    return isWord(c) ? Expression.rule(name()) : null;
  }

  /** {@code <text>}: the special token that is spelled so. */
  private Expression token() {
    StringBuilder spelling = new StringBuilder();
    while (true) {
      int c = peek("the closing >");
      spelling.appendCodePoint(c);
      at++;
      if (c == '>') {
        break;
      }
    }
    if (spelling.charAt(1) == '[') {
      throw problem("a token by its text, such as <think>", spelling.toString());
    }
    return Expression.word(spelling.toString());
  }

  private Expression set() {
    boolean inverted = peek("the closing ]") == '^';
    if (inverted) {
      at++;
    }
    List<CodePoints.Range> ranges = new ArrayList<>();
    while (peek("the closing ]") != ']') {
      int from = character();
      int to = from;
      if (peek("the closing ]") == '-' && at + 1 < text.length && text[at + 1] != ']') {
        at++;
        to = character();
        if (to < from) {
          throw problem("a range that rises", Character.toString(from) + "-" + (char) to);
        }
      }
      ranges.add(new CodePoints.Range(from, to));
    }
    at++;
    CodePoints set = CodePoints.ofRanges(ranges);
    return new Expression.Chars(inverted ? set.not() : set);
  }

  private int character() {
    int c = text[at++];
    if (c != '\\') {
      return c;
    }
    int escape = peek("an escape");
    at++;
    return switch (escape) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case '\\', '"', '[', ']', '-', '^' -> escape;
      case 'x' -> hex(2);
      case 'u' -> hex(4);
      case 'U' -> hex(8);
      default -> throw problem("an escape n r t \\ \" [ ] x u U", Character.toString(escape));
    };
  }

  private int hex(int digits) {
    long value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = Character.digit(peek(digits + " hexadecimal digits"), 16);
      if (digit < 0) {
        throw problem(digits + " hexadecimal digits", shown());
      }
      value = value << 4 | digit;
      at++;
    }
    boolean surrogate = value >= Character.MIN_SURROGATE && value <= Character.MAX_SURROGATE;
    if (value > Character.MAX_CODE_POINT || surrogate) {
      throw problem("a Unicode character", "U+" + Long.toHexString(value));
    }
    return (int) value;
  }

  private Expression repeated(Expression part) {
    skipSpaces();
    if (at == text.length) {
      return part;
    }
    switch (text[at]) {
      case '*' -> {
        at++;
        return Expression.any(part);
      }
      case '+' -> {
        at++;
        return Expression.repeat(part, 1, -1);
      }
      case '?' -> {
        at++;
        return Expression.optional(part);
      }
      case '{' -> {
        at++;
        skipSpaces();
        int least = peek("a number") == ',' ? 0 : number();
        int most = least;
        skipSpaces();
        if (peek("the closing }") == ',') {
          at++;
          skipSpaces();
          most = peek("the closing }") == '}' ? -1 : number();
        }
        skipSpaces();
        if (peek("the closing }") != '}') {
          throw problem("the closing }", shown());
        }
        at++;
        if (most >= 0 && most < least) {
          throw problem("{least,most}", "{" + least + "," + most + "}");
        }
        return Expression.repeat(part, least, most);
      }
      default -> {
        return part;
      }
    }
  }

  private int number() {
    long value = 0;
    int from = at;
    while (at < text.length && text[at] >= '0' && text[at] <= '9') {
      value = Math.min(value * 10 + text[at++] - '0', Integer.MAX_VALUE);
    }
    if (at == from || value > 1_000_000) {
      throw problem("a number of at most 1000000", at == from ? shown() : value + "");
    }
    return (int) value;
  }

  private String name() {
    int from = at;
    while (at < text.length && isWord(text[at])) {
      at++;
    }
    if (at == from) {
      throw problem("a rule's name", shown());
    }
    return new String(text, from, at - from);
  }

  private static boolean isWord(int c) {
    return c >= 'a' && c <= 'z'
        || c >= 'A' && c <= 'Z'
        || c >= '0' && c <= '9'
        || c == '-'
        || c == '_';
  }

  private void expect(String word) {
    for (int i = 0; i < word.length(); i++) {
      if (peek(word) != word.charAt(i)) {
        throw problem(word, shown());
      }
      at++;
    }
  }

  private int peek(String expected) {
    if (at == text.length) {
      throw problem(expected, "the end");
    }
    return text[at];
  }

  private void skipSpaces() {
    while (at < text.length && (text[at] == ' ' || text[at] == '\t')) {
      at++;
    }
  }

  private void skip(boolean lines) {
    while (at < text.length) {
      int c = text[at];
      if (c == '#') {
        while (at < text.length && text[at] != '\n' && text[at] != '\r') {
          at++;
        }
      } else if (c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r')) {
        at++;
      } else {
        return;
      }
    }
  }

  private String shown() {
    return at < text.length ? "\"" + Character.toString(text[at]) + "\"" : "the end";
  }

  private GrammarException problem(String expected, String got) {
    int line = 1;
    int column = 1;
    for (int i = 0; i < Math.min(at, text.length); i++) {
      column = text[i] == '\n' ? 1 : column + 1;
      line += text[i] == '\n' ? 1 : 0;
    }
    return GrammarException.of(
        "grammar", "line " + line + " column " + column, expected, got, "Correct the grammar.");
  }
}
