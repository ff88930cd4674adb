package llmengine.serve.http;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * JSON of requests and answers. Bodies are read strictly: no key twice, nothing after the value.
 */
public final class Json {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  private Json() {}

  /**
   * The value that {@code body} spells out.
   *
   * @throws ApiException 400 if it is not JSON
   */
  public static JsonNode parse(byte[] body) {
    try {
      JsonNode json = MAPPER.readTree(body);
      if (json == null || json.isMissingNode()) {
        throw ApiException.badRequest(
            null, "invalid_json", "request body: empty: expected a JSON object, got nothing.");
      }
      return json;
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation(); // limits of size and depth have none
      throw ApiException.badRequest(
          null,
          "invalid_json",
          "request body: invalid JSON: expected a JSON object, got an error"
              + (at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr())
              + " ("
              + e.getOriginalMessage().replaceFirst(" ?\\(start marker at .*", "")
              + ").");
    } catch (IOException e) {
      throw ApiException.badRequest(
          null,
          "invalid_json",
          "request body: invalid JSON: expected UTF-8, got other bytes (" + e.getMessage() + ").");
    }
  }

  /** A new object. */
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** The value as UTF-8, on one line. */
  public static byte[] bytes(JsonNode value) {
    return text(value).getBytes(StandardCharsets.UTF_8);
  }

  /** The value on one line. */
  public static String text(JsonNode value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of values is always JSON", e);
    }
  }
}
