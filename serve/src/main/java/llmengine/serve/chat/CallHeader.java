package llmengine.serve.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Set;

/**
 * The start of a call as a JSON object: {@code {"name": "f", "arguments": } up to the arguments.
 *
 * @param state whether it could be read
 * @param name of the function
 * @param length characters up to the arguments
 * @param arguments if they came before the name: the whole object was read and this is their text
 */
record CallHeader(State state, String name, int length, String arguments) {
  enum State {
    /** More text is needed. */
    OPEN,
    /** This is no call. */
    MALFORMED,
    READ
  }

  private static final int LONGEST = 4096;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Set<String> NAME = Set.of("name", "function");
  private static final Set<String> ARGUMENTS = Set.of("arguments", "parameters", "args");
  private static final Set<String> OTHER = Set.of("type", "id");
  private static final CallHeader WAIT = new CallHeader(State.OPEN, null, 0, null);
  private static final CallHeader NONE = new CallHeader(State.MALFORMED, null, 0, null);

  /** Reads from an opening brace on. */
  static CallHeader read(PendingText text) {
    CallHeader read = fields(text);
    boolean open = read.state == State.OPEN;
    // The limit is one of places, so that it does not matter in which pieces the text comes.
    boolean over = open ? text.isLast() || text.length() > LONGEST : read.length > LONGEST;
    return over ? NONE : read;
  }

  private static CallHeader fields(PendingText text) {
    String name = null;
    int i = 1;
    while (true) {
      i = text.skipSpace(i);
      int keyEnd = stringEnd(text, i);
      if (keyEnd <= 0) {
        return keyEnd < 0 ? NONE : WAIT;
      }
      String key = string(text, i, keyEnd);
      i = text.skipSpace(keyEnd);
      if (i == text.length()) {
        return WAIT;
      }
      if (key == null || text.charAt(i) != ':') {
        return NONE;
      }
      i = text.skipSpace(i + 1);
      if (i == text.length()) {
        return WAIT;
      }
      if (ARGUMENTS.contains(key)) {
        boolean object = text.charAt(i) == '{';
        if (!object) {
          return NONE;
        }
        return name == null ? whole(text) : new CallHeader(State.READ, name, i, null);
      }
      if (!NAME.contains(key) && !OTHER.contains(key)) {
        return NONE;
      }
      int end = stringEnd(text, i);
      if (end <= 0) {
        return end < 0 ? NONE : WAIT;
      }
      if (NAME.contains(key)) {
        name = string(text, i, end);
      }
      i = text.skipSpace(end);
      if (i == text.length()) {
        return WAIT;
      }
      if (text.charAt(i) != ',') {
        return NONE;
      }
      i++;
    }
  }

  /** Arguments first: the name comes after them. */
  private static CallHeader whole(PendingText text) {
    JsonScanner scanner = new JsonScanner("");
    int end = scanner.scan(text, 0);
    if (!scanner.hasEnded()) {
      return scanner.isBroken() ? NONE : WAIT;
    }
    try {
      JsonNode call = JSON.readTree(text.peek(0, end));
      String name = null;
      String arguments = null;
      for (var field : call.properties()) {
        name = NAME.contains(field.getKey()) ? field.getValue().textValue() : name;
        arguments = ARGUMENTS.contains(field.getKey()) ? field.getValue().toString() : arguments;
      }
      return name == null ? NONE : new CallHeader(State.READ, name, end, arguments);
    } catch (JsonProcessingException e) {
      return NONE; // the text stays content
    }
  }

  /** After the closing quote; 0 if it is still to come, -1 if there is no string. */
  private static int stringEnd(PendingText text, int from) {
    if (from >= text.length()) {
      return 0;
    }
    if (text.charAt(from) != '"') {
      return -1;
    }
    for (int i = from + 1; i < text.length(); i++) {
      if (text.charAt(i) == '\\') {
        i++;
      } else if (text.charAt(i) == '"') {
        return i + 1;
      }
    }
    return 0;
  }

  private static String string(PendingText text, int from, int to) {
    try {
      return JSON.readTree(text.peek(from, to)).textValue();
    } catch (JsonProcessingException e) {
      return null;
    }
  }
}
