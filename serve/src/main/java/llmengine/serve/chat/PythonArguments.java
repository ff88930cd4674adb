package llmengine.serve.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.BigInteger;

/** {@code (a=1, b="x")} as JSON; values are those of JSON or of Python. */
final class PythonArguments {
  private static final int DEEPEST = 64;
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final String text;
  private int at;
  private int depth;

  private PythonArguments(String text) {
    this.text = text;
  }

  /** Null if the text is not of that form. */
  static String json(String text) {
    try {
      return new PythonArguments(text).arguments().toString();
    } catch (Misfit e) {
      return null;
    }
  }

  /** The text is no list of arguments. */
  static final class Misfit extends Exception {
    private static final long serialVersionUID = 1L;

    Misfit(String message) {
      super(message, null, false, false);
    }
  }

  private ObjectNode arguments() throws Misfit {
    ObjectNode out = JSON.objectNode();
    expect('(');
    while (!take(')')) {
      String key = word();
      expect('=');
      out.set(key, value());
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  private JsonNode value() throws Misfit {
    skip();
    if (++depth > DEEPEST || at == text.length()) {
      throw new Misfit("value");
    }
    char c = text.charAt(at);
    JsonNode value =
        switch (c) {
          case '"', '\'' -> JSON.textNode(string(c));
          case '[', '(' -> list(c == '[' ? ']' : ')');
          case '{' -> object();
          default -> scalar(word());
        };
    depth--;
    return value;
  }

  private ArrayNode list(char close) throws Misfit {
    at++;
    ArrayNode out = JSON.arrayNode();
    while (!take(close)) {
      out.add(value());
      if (!take(',')) {
        expect(close);
        break;
      }
    }
    return out;
  }

  private ObjectNode object() throws Misfit {
    at++;
    ObjectNode out = JSON.objectNode();
    while (!take('}')) {
      JsonNode key = value();
      expect(':');
      out.set(key.asText(), value());
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    return out;
  }

  private String string(char quote) throws Misfit {
    StringBuilder out = new StringBuilder();
    at++;
    while (at < text.length() && text.charAt(at) != quote) {
      char c = text.charAt(at++);
      if (c != '\\' || at == text.length()) {
        out.append(c);
        continue;
      }
      char escape = text.charAt(at++);
      switch (escape) {
        case 'n' -> out.append('\n');
        case 't' -> out.append('\t');
        case 'r' -> out.append('\r');
        case 'b' -> out.append('\b');
        case 'f' -> out.append('\f');
        case 'u' -> out.append(unit());
        case '"', '\'', '\\', '/' -> out.append(escape);
        default -> out.append('\\').append(escape);
      }
    }
    if (at == text.length()) {
      throw new Misfit("string");
    }
    at++;
    return out.toString();
  }

  private char unit() throws Misfit {
    if (at + 4 > text.length() || !text.substring(at, at + 4).matches("[0-9a-fA-F]{4}")) {
      throw new Misfit("escape");
    }
    at += 4;
    return (char) Integer.parseInt(text.substring(at - 4, at), 16);
  }

  private String word() throws Misfit {
    skip();
    int from = at;
    while (at < text.length() && "=,:()[]{}\"' \n\t\r".indexOf(text.charAt(at)) < 0) {
      at++;
    }
    if (at == from) {
      throw new Misfit("word");
    }
    return text.substring(from, at);
  }

  /** A number or one of the constants. */
  static JsonNode scalar(String word) throws Misfit {
    switch (word) {
      case "True", "true" -> {
        return JSON.booleanNode(true);
      }
      case "False", "false" -> {
        return JSON.booleanNode(false);
      }
      case "None", "null" -> {
        return JSON.nullNode();
      }
      default -> {
        if (word.matches("[+-]?[0-9]{1,400}")) {
          return JSON.numberNode(new BigInteger(word));
        }
        if (word.matches("[+-]?[0-9]{0,400}\\.?[0-9]{1,400}(?:[eE][+-]?[0-9]{1,3})?")) {
          return JSON.numberNode(new BigDecimal(word));
        }
        throw new Misfit("scalar");
      }
    }
  }

  private void skip() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
  }

  private boolean take(char c) {
    skip();
    boolean there = at < text.length() && text.charAt(at) == c;
    at += there ? 1 : 0;
    return there;
  }

  private void expect(char c) throws Misfit {
    if (!take(c)) {
      throw new Misfit("expected " + c);
    }
  }
}
