package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import llmengine.data.DataException;

/**
 * A tool as the data gives it: a function's description, bare or as {@code {"type": "function",
 * "function": {...}}}.
 */
public record Tool(JsonNode json) {
  public Tool {
    JsonNode function = isWrapped(json) ? json.path("function") : json;
    if (!function.path("name").isTextual()) {
      throw new DataException(
          "tools: a tool without a name: expected {\"name\": text, \"parameters\": {...}}, got "
              + PythonJson.write(json)
              + ". Correct the row.");
    }
  }

  /** The description without the wrapping. */
  JsonNode function() {
    return isWrapped(json) ? json.get("function") : json;
  }

  /** The description in its wrapping. */
  JsonNode wrapped() {
    return isWrapped(json)
        ? json
        : JsonNodeFactory.instance.objectNode().put("type", "function").set("function", json);
  }

  String name() {
    return function().get("name").textValue();
  }

  String description() {
    return function().path("description").asText("");
  }

  JsonNode parameters() {
    return function().path("parameters");
  }

  /** What {@code part} gives for each tool, {@code separator} between. */
  static String joined(List<Tool> tools, String separator, Function<Tool, String> part) {
    return tools.stream().map(part).collect(Collectors.joining(separator));
  }

  private static boolean isWrapped(JsonNode json) {
    return json.path("type").asText().equals("function");
  }
}
