package llmengine.serve.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** {@code {key:value}} with text between quote tokens, as JSON. */
final class GemmaArguments {
  private static final String QUOTE = "<|\"|>";
  private static final int DEEPEST = 64;
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final String text;
  private int at;
  private int depth;

  private GemmaArguments(String text) {
    this.text = text;
  }

  /** Null if the text is not of that form. */
  static String json(String text) {
    try {
      return new GemmaArguments(text).value().toString();
    } catch (PythonArguments.Misfit e) {
      return null;
    }
  }

  private JsonNode value() throws PythonArguments.Misfit {
    if (++depth > DEEPEST) {
      throw new PythonArguments.Misfit("depth");
    }
    JsonNode value;
    if (take(QUOTE)) {
      value = JSON.textNode(quoted());
    } else if (take("{")) {
      value = object();
    } else if (take("[")) {
      value = list();
    } else {
      value = PythonArguments.scalar(bare(",]}"));
    }
    depth--;
    return value;
  }

  private ObjectNode object() throws PythonArguments.Misfit {
    ObjectNode out = JSON.objectNode();
    while (!take("}")) {
      String key = take(QUOTE) ? quoted() : bare(":");
      expect(":");
      out.set(key, value());
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    return out;
  }

  private ArrayNode list() throws PythonArguments.Misfit {
    ArrayNode out = JSON.arrayNode();
    while (!take("]")) {
      out.add(value());
      if (!take(",")) {
        expect("]");
        break;
      }
    }
    return out;
  }

  private String quoted() throws PythonArguments.Misfit {
    int end = text.indexOf(QUOTE, at);
    if (end < 0) {
      throw new PythonArguments.Misfit("quote");
    }
    String value = text.substring(at, end);
    at = end + QUOTE.length();
    return value;
  }

  private String bare(String ends) throws PythonArguments.Misfit {
    int from = at;
    while (at < text.length() && ends.indexOf(text.charAt(at)) < 0) {
      at++;
    }
    String word = text.substring(from, at).strip();
    if (word.isEmpty()) {
      throw new PythonArguments.Misfit("word");
    }
    return word;
  }

  private boolean take(String word) {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    boolean there = text.startsWith(word, at);
    at += there ? word.length() : 0;
    return there;
  }

  private void expect(String word) throws PythonArguments.Misfit {
    if (!take(word)) {
      throw new PythonArguments.Misfit("expected " + word);
    }
  }
}
