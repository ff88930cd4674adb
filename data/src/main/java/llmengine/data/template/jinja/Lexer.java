package llmengine.data.template.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import llmengine.data.template.jinja.Token.Kind;

/**
 * Cuts a template into tokens as jinja2 does with {@code trim_blocks} and {@code lstrip_blocks},
 * the settings of transformers: the line break after a block tag goes, and the spaces in front of
 * one that stands first on its line.
 */
final class Lexer {
  private static final String[] OPERATORS = {
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";"
  };

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;

  /** Where lines were counted to. */
  private int counted;

  private int line = 1;

  /** Whether what was read last ended a line: then spaces in front of a tag can go. */
  private boolean lineStarts = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String unix = template.replace("\r\n", "\n").replace('\r', '\n');
    Lexer lexer = new Lexer(unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        data(source.substring(at));
        at = source.length();
        break;
      }
      char kind = source.charAt(tag + 1);
      char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
      boolean signed = sign == '-' || sign == '+';
      int raw = kind == '%' ? rawEnd(tag + (signed ? 3 : 2)) : -1;
      data(stripped(source.substring(at, tag), signed ? sign : ' ', kind == '{'));
      at = tag + (signed ? 3 : 2);
      if (raw >= 0) {
        at = raw;
        raw();
      } else if (kind == '#') {
        comment();
      } else {
        add(kind == '%' ? Kind.BLOCK_BEGIN : Kind.VARIABLE_BEGIN, "");
        code(kind == '%');
      }
    }
    add(Kind.END, "");
  }

  /** Where the next tag, variable or comment opens, or -1. */
  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "%{#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  private String stripped(String text, char sign, boolean variable) {
    if (sign == '-') {
      return Text.strip(text, null, false, true);
    } else if (sign != '+' && !variable) {
      int lineStart = text.lastIndexOf('\n') + 1;
      if ((lineStart > 0 || lineStarts)
          && Text.strip(text.substring(lineStart), null, false, true).isEmpty()) {
        return text.substring(0, lineStart);
      }
    }
    return text;
  }

  /** Behind {@code raw %}} if that is what stands here, else -1. */
  private int rawEnd(int from) {
    int i = spaces(from);
    if (!source.startsWith("raw", i)) {
      return -1;
    }
    i = spaces(i + 3);
    return source.startsWith("-%}", i) ? spaces(i + 3) : source.startsWith("%}", i) ? i + 2 : -1;
  }

  private void raw() {
    lineStarts = source.charAt(at - 1) == '\n';
    for (int i = source.indexOf("{%", at); i >= 0; i = source.indexOf("{%", i + 1)) {
      char sign = i + 2 < source.length() ? source.charAt(i + 2) : ' ';
      boolean signed = sign == '-' || sign == '+';
      int word = spaces(i + (signed ? 3 : 2));
      if (source.startsWith("endraw", word)) {
        int end = blockEnd(spaces(word + 6));
        if (end >= 0) {
          data(stripped(source.substring(at, i), signed ? sign : ' ', false));
          moveTo(end);
          return;
        }
      }
    }
    throw new TemplateError(line(at), "Missing end of raw directive");
  }

  private void comment() {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw new TemplateError(line(at), "Missing end of comment tag");
    }
    boolean strips = end > at && source.charAt(end - 1) == '-';
    boolean keeps = end > at && source.charAt(end - 1) == '+';
    end += 2;
    moveTo(
        strips
            ? spaces(end)
            : !keeps && end < source.length() && source.charAt(end) == '\n' ? end + 1 : end);
  }

  /** Behind the end of a block tag that stands here, what it strips included; else -1. */
  private int blockEnd(int i) {
    if (source.startsWith("-%}", i)) {
      return spaces(i + 3);
    } else if (source.startsWith("+%}", i)) {
      return i + 3;
    } else if (source.startsWith("%}", i)) {
      return source.startsWith("\n", i + 2) ? i + 3 : i + 2;
    }
    return -1;
  }

  private int variableEnd(int i) {
    return source.startsWith("-}}", i) ? spaces(i + 3) : source.startsWith("}}", i) ? i + 2 : -1;
  }

  private void code(boolean block) {
    Deque<Character> open = new ArrayDeque<>();
    while (true) {
      at = spaces(at);
      if (at >= source.length()) {
        return; // the parser says what is missing
      }
      int end = !open.isEmpty() ? -1 : block ? blockEnd(at) : variableEnd(at);
      if (end >= 0) {
        add(block ? Kind.BLOCK_END : Kind.VARIABLE_END, "");
        moveTo(end);
        return;
      }
      char c = source.charAt(at);
      if (c == '\'' || c == '"') {
        string(c);
      } else if (c >= '0' && c <= '9') {
        NumberToken number = NumberToken.read(source, at, line(at));
        add(Kind.NUMBER, number.value());
        at = number.end();
      } else if (Character.isUnicodeIdentifierStart(source.codePointAt(at)) || c == '_') {
        name();
      } else {
        operator(open);
      }
    }
  }

  private void name() {
    int from = at;
    while (at < source.length() && Character.isUnicodeIdentifierPart(source.codePointAt(at))) {
      at += Character.charCount(source.codePointAt(at));
    }
    tokens.add(new Token(line(from), Kind.NAME, source.substring(from, at)));
  }

  private void string(char quote) {
    int end = at + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw new TemplateError(line(at), "a string has no end: expected another " + quote);
    }
    add(Kind.STRING, Escapes.resolve(source.substring(at + 1, end), line(at)));
    at = end + 1;
  }

  private void operator(Deque<Character> open) {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        char c = operator.charAt(0);
        if (operator.length() == 1 && "({[".indexOf(c) >= 0) {
          open.push(c == '(' ? ')' : c == '{' ? '}' : ']');
        } else if (operator.length() == 1 && ")}]".indexOf(c) >= 0) {
          Character expected = open.poll();
          if (expected == null || expected != c) {
            throw new TemplateError(
                line(at),
                "unexpected '"
                    + c
                    + "'"
                    + (expected == null ? "" : ", expected '" + expected + "'"));
          }
        }
        add(Kind.OPERATOR, operator);
        at += operator.length();
        return;
      }
    }
    throw new TemplateError(
        line(at),
        "unexpected character " + Values.repr(Character.toString(source.codePointAt(at))));
  }

  private void data(String text) {
    if (!text.isEmpty()) {
      tokens.add(new Token(line(at), Kind.DATA, text));
    }
  }

  private void add(Kind kind, Object value) {
    tokens.add(new Token(line(at), kind, value));
  }

  private void moveTo(int end) {
    lineStarts = end > 0 && source.charAt(end - 1) == '\n';
    at = end;
  }

  private int spaces(int from) {
    int i = from;
    while (i < source.length() && Text.isSpace(source.charAt(i))) {
      i++;
    }
    return i;
  }

  private int line(int place) {
    for (; counted < place; counted++) {
      if (source.charAt(counted) == '\n') {
        line++;
      }
    }
    return line;
  }
}
