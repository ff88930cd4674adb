package llmengine.data.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.TreeMap;
import llmengine.data.DataException;

/**
 * A tokenizer.json: its bytes and what the engine reads from them. Merges stay bytes, so that a
 * vocabulary of a quarter million tokens does not become millions of objects.
 */
final class TokenizerJson {
  // vocabularies would fill the parser's table of field names
  static final ObjectMapper MAPPER =
      new JsonMapper(
          JsonFactory.builder().disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build());

  private final String where;
  private final byte[] bytes;
  private final Map<String, Integer> ids = new HashMap<>();
  private final TreeMap<Integer, AddedToken> added = new TreeMap<>();
  private String[] tokens = new String[1024];
  private int vocabSize;
  private int modelSize;
  private boolean hasVocab;
  private JsonNode postProcessor = MissingNode.getInstance();
  private JsonNode decoder = MissingNode.getInstance();

  /** Parses the content of the file {@code where}; a broken one is a {@link DataException}. */
  TokenizerJson(String where, byte[] bytes) {
    this.where = where;
    this.bytes = bytes;
    JsonNode addedTokens = MissingNode.getInstance();
    try (JsonParser parser = MAPPER.createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw broken("expected a JSON object", null);
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        switch (field) {
          case "added_tokens" -> addedTokens = parser.readValueAsTree();
          case "post_processor" -> postProcessor = parser.readValueAsTree();
          case "decoder" -> decoder = parser.readValueAsTree();
          case "model" -> readModel(parser);
          default -> parser.skipChildren();
        }
      }
    } catch (IOException e) {
      throw broken("the JSON ends early or is malformed: " + e.getMessage(), e);
    }
    if (!hasVocab) {
      throw broken("expected model.vocab, got none", null);
    }
    modelSize = ids.size();
    addedTokens.forEach(this::readAdded);
  }

  private void readModel(JsonParser parser) throws IOException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw broken("expected an object at model", null);
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean vocab = parser.currentName().equals("vocab");
      parser.nextToken();
      if (!vocab) {
        parser.skipChildren();
      } else if (parser.currentToken() == JsonToken.START_OBJECT) {
        hasVocab = true;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String token = parser.currentName();
          parser.nextToken();
          put(token, parser.getIntValue());
        }
      } else if (parser.currentToken() == JsonToken.START_ARRAY) {
        hasVocab = true;
        for (int id = 0; parser.nextToken() != JsonToken.END_ARRAY; id++) {
          JsonNode piece = parser.readValueAsTree();
          put(piece.path(0).asText(), id);
        }
      } else {
        throw broken("expected an object or a list at model.vocab", null);
      }
    }
  }

  private void readAdded(JsonNode node) {
    if (!node.path("id").canConvertToInt() || !node.path("content").isTextual()) {
      throw broken("expected id and content in added_tokens, got " + node, null);
    }
    AddedToken token =
        AddedToken.of(node.get("id").intValue(), node.get("content").textValue(), node);
    Integer known = ids.get(token.content());
    int given = known == null ? freeId() : known;
    if (token.id() != given) {
      throw broken(
          "added token \""
              + token.content()
              + "\" has id "
              + token.id()
              + ", but the tokens before it make it "
              + given,
          null);
    }
    put(token.content(), token.id());
    added.put(token.id(), token);
  }

  private void put(String token, int id) {
    if (id < 0 || id > 1 << 24) {
      throw broken("token \"" + token + "\": expected an id from 0 to 2^24, got " + id, null);
    }
    if (id >= tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.max(id + 1, tokens.length * 2));
    }
    tokens[id] = token;
    ids.put(token, id);
    vocabSize = Math.max(vocabSize, id + 1);
  }

  // the id the library gives the next added token that the vocabulary lacks
  private int freeId() {
    int last = added.isEmpty() ? -1 : added.lastKey();
    return last >= modelSize ? last + 1 : modelSize;
  }

  String where() {
    return where;
  }

  byte[] bytes() {
    return bytes;
  }

  int vocabSize() {
    return vocabSize;
  }

  Integer idOf(String token) {
    return ids.get(token);
  }

  /** Null when no token has this id. */
  String tokenOf(int id) {
    return id < 0 || id >= vocabSize ? null : tokens[id];
  }

  /** Null when this id is not that of an added token. */
  AddedToken addedOf(int id) {
    return added.get(id);
  }

  /** The added tokens by rising id. */
  Collection<AddedToken> added() {
    return added.values();
  }

  /** Missing node if there is none. */
  JsonNode postProcessor() {
    return postProcessor;
  }

  /** Missing or null node if there is none. */
  JsonNode decoder() {
    return decoder;
  }

  /** The same tokenizer with these as words that are never cut; known ones stay as they are. */
  TokenizerJson withWords(Collection<String> contents) {
    Map<Integer, AddedToken> changes = new TreeMap<>();
    int next = freeId();
    for (String content : new LinkedHashSet<>(contents)) {
      if (ids.get(content) == null) {
        changes.put(next, new AddedToken(next, content, false, false, false, true, false));
        next++;
      }
    }
    return changes.isEmpty() ? this : with(changes.values());
  }

  /**
   * The same tokenizer in which these are special tokens; unknown ones get the next ids in order.
   */
  TokenizerJson withSpecial(Collection<String> contents) {
    Map<Integer, AddedToken> changes = new TreeMap<>();
    int next = freeId();
    for (String content : new LinkedHashSet<>(contents)) {
      Integer known = ids.get(content);
      int id = known == null ? next++ : known;
      AddedToken token = added.get(id);
      if (token == null) {
        changes.put(id, AddedToken.special(id, content));
      } else if (!token.special()) {
        changes.put(id, token.asSpecial());
      }
    }
    return changes.isEmpty() ? this : with(changes.values());
  }

  /** The same tokenizer in which these tokens are added or, if their id is known, changed. */
  TokenizerJson with(Collection<AddedToken> changes) {
    Map<Integer, AddedToken> all = new TreeMap<>(added);
    changes.forEach(token -> all.put(token.id(), token));
    var out = new ByteArrayOutputStream(bytes.length + 256 * changes.size());
    try (JsonParser parser = MAPPER.createParser(bytes);
        JsonGenerator generator = MAPPER.createGenerator(out)) {
      parser.nextToken();
      generator.writeStartObject();
      boolean written = false;
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        if (field.equals("added_tokens")) {
          parser.skipChildren();
          writeAdded(generator, all.values());
          written = true;
        } else {
          generator.writeFieldName(field);
          generator.copyCurrentStructureExact(parser);
        }
      }
      if (!written) {
        writeAdded(generator, all.values());
      }
      generator.writeEndObject();
    } catch (IOException e) {
      throw broken("cannot be rewritten: " + e.getMessage(), e);
    }
    return new TokenizerJson(where, out.toByteArray());
  }

  private static void writeAdded(JsonGenerator generator, Collection<AddedToken> tokens)
      throws IOException {
    generator.writeArrayFieldStart("added_tokens");
    for (AddedToken token : tokens) {
      generator.writeTree(token.entry());
    }
    generator.writeEndArray();
  }

  private DataException broken(String what, Throwable cause) {
    return new DataException(
        where + ": not a valid tokenizer.json: " + what + ". Download the file again.", cause);
  }
}
