package llmengine.serve.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The tools of a request by name, with the schemas of their parameters. */
final class ToolSchemas {
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private final Map<String, JsonNode> parameters = new LinkedHashMap<>();

  /** From a list as the chat API has it, functions bare or in their wrapping. */
  ToolSchemas(JsonNode tools) {
    for (JsonNode tool : tools) {
      JsonNode function = tool.has("function") ? tool.get("function") : tool;
      parameters.put(function.path("name").asText(), function.path("parameters"));
    }
  }

  boolean isEmpty() {
    return parameters.isEmpty();
  }

  Set<String> names() {
    return parameters.keySet();
  }

  private JsonNode schema(String function, String argument) {
    JsonNode schema = parameters.get(function);
    return schema == null ? JSON.missingNode() : schema.path("properties").path(argument);
  }

  /** Whether the argument can only be text. */
  boolean isText(String function, String argument) {
    JsonNode schema = schema(function, argument);
    if (schema.has("type")) {
      return schema.get("type").asText().equals("string");
    }
    boolean text = !schema.path("enum").isEmpty();
    for (JsonNode value : schema.path("enum")) {
      text &= value.isTextual();
    }
    return text;
  }

  /** An argument that was written without quotes, as JSON: its schema says what it is. */
  String json(String function, String argument, String value) {
    if (!isText(function, argument)) {
      try {
        JsonNode parsed = JSON.readTree(value);
        if (!parsed.isMissingNode()) {
          return parsed.isNumber() ? value.strip() : parsed.toString();
        }
      } catch (JsonProcessingException e) {
        return new TextNode(value).toString(); // no JSON: it is meant as text
      }
    }
    return new TextNode(value).toString();
  }
}
