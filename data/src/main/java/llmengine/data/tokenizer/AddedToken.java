package llmengine.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** A token that is matched in the text before the model cuts it, as tokenizer.json describes it. */
record AddedToken(
    int id,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {

  /** A special token that is matched exactly as it is spelled. */
  static AddedToken special(int id, String content) {
    return new AddedToken(id, content, false, false, false, false, true);
  }

  /**
   * Reads the flags of {@code node}; a missing {@code normalized} means the opposite of special.
   */
  static AddedToken of(int id, String content, JsonNode node) {
    boolean special = node.path("special").asBoolean(false);
    return new AddedToken(
        id,
        content,
        node.path("single_word").asBoolean(false),
        node.path("lstrip").asBoolean(false),
        node.path("rstrip").asBoolean(false),
        node.path("normalized").asBoolean(!special),
        special);
  }

  AddedToken asSpecial() {
    return new AddedToken(id, content, singleWord, lstrip, rstrip, normalized, true);
  }

  /** Without the id: the shape of {@code added_tokens_decoder} in tokenizer_config.json. */
  ObjectNode flags() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("content", content)
        .put("lstrip", lstrip)
        .put("normalized", normalized)
        .put("rstrip", rstrip)
        .put("single_word", singleWord)
        .put("special", special);
  }

  /** With the id: the shape of {@code added_tokens} in tokenizer.json. */
  ObjectNode entry() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", id)
        .put("content", content)
        .put("single_word", singleWord)
        .put("lstrip", lstrip)
        .put("rstrip", rstrip)
        .put("normalized", normalized)
        .put("special", special);
  }
}
