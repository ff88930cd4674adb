package llmengine.data.template.jinja;

import java.util.List;
import java.util.Set;
import llmengine.data.template.jinja.Token.Kind;

/**
 * Walks over the tokens of a template, and knows how deep the parser is and which names it read.
 */
class TokenReader {
  /** Deepest nesting: a level takes a dozen calls. */
  private static final int DEPTH = 64;

  private final List<Token> tokens;
  private int at;
  private int depth;

  /** Names read since somebody asked last. */
  private Set<String> names;

  TokenReader(List<Token> tokens) {
    this.tokens = tokens;
  }

  /** Collects names that are read into {@code names}; the set that collected them before. */
  Set<String> collect(Set<String> names) {
    Set<String> before = this.names;
    this.names = names;
    return before;
  }

  /** Notes that a name is read. */
  void read(String name) {
    if (names != null) {
      names.add(name);
    }
  }

  Token peek() {
    return tokens.get(at);
  }

  /** The token behind {@link #peek}. */
  Token peekSecond() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = tokens.get(at);
    if (token.kind() != Kind.END) {
      at++;
    }
    return token;
  }

  boolean skipName(String name) {
    if (peek().isName(name)) {
      at++;
      return true;
    }
    return false;
  }

  boolean skip(String operator) {
    if (peek().isOperator(operator)) {
      at++;
      return true;
    }
    return false;
  }

  Token expect(Kind kind, String described) {
    Token token = next();
    if (token.kind() != kind) {
      throw unexpected(described, token);
    }
    return token;
  }

  void expect(String operator) {
    Token token = next();
    if (!token.isOperator(operator)) {
      throw unexpected("'" + operator + "'", token);
    }
  }

  String expectName() {
    return expect(Kind.NAME, "a name").text();
  }

  static TemplateError unexpected(String expected, Token got) {
    return new TemplateError(got.line(), "expected " + expected + ", got " + got.described());
  }

  void enter() {
    if (++depth > DEPTH) {
      throw new TemplateError(
          peek().line(), "nested too deep: expected at most " + DEPTH + " levels");
    }
  }

  void leave() {
    depth--;
  }
}
