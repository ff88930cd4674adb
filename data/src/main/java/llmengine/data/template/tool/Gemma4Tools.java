package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** {@code call:name{key:value}} with keys in alphabetical order and text between quote tokens. */
record Gemma4Tools(String name) implements ToolFormat {
  private static final String QUOTE = "<|\"|>";

  Gemma4Tools() {
    this("gemma4");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return Tool.joined(tools, "\n", Gemma4Tools::declaration);
  }

  private static String declaration(Tool tool) {
    List<String> parts = new ArrayList<>();
    parts.add("description:" + quoted(tool.description()));
    if (!tool.parameters().isEmpty()) {
      parts.add("parameters:{" + parameters(tool.parameters()) + "}");
    }
    return "declaration:" + tool.name() + "{" + String.join(",", parts) + "}";
  }

  private static String parameters(JsonNode parameters) {
    List<String> parts = new ArrayList<>();
    if (!parameters.path("properties").isEmpty()) {
      parts.add("properties:{" + sorted(parameters.get("properties"), Gemma4Tools::schema) + "}");
    }
    if (!parameters.path("required").isEmpty()) {
      parts.add(
          "required:["
              + StreamSupport.stream(parameters.get("required").spliterator(), false)
                  .map(name -> quoted(name.asText()))
                  .collect(Collectors.joining(","))
              + "]");
    }
    addType(parameters, parts);
    return String.join(",", parts);
  }

  private static String schema(JsonNode schema) {
    List<String> parts = new ArrayList<>();
    String description = schema.path("description").asText("");
    if (!description.isEmpty()) {
      parts.add("description:" + quoted(description));
    }
    addType(schema, parts);
    return "{" + String.join(",", parts) + "}";
  }

  private static void addType(JsonNode schema, List<String> parts) {
    if (schema.hasNonNull("type")) {
      parts.add("type:" + quoted(PythonJson.plain(schema.get("type")).toUpperCase(Locale.ROOT)));
    }
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream()
        .map(c -> "<|tool_call>call:" + c.name() + value(c.object()) + "<tool_call|>")
        .collect(Collectors.joining());
  }

  private static String value(JsonNode value) {
    if (value.isTextual()) {
      return quoted(value.textValue());
    }
    if (value.isObject()) {
      return "{" + sorted(value, Gemma4Tools::value) + "}";
    }
    if (value.isArray()) {
      return StreamSupport.stream(value.spliterator(), false)
          .map(Gemma4Tools::value)
          .collect(Collectors.joining(",", "[", "]"));
    }
    return PythonJson.write(value);
  }

  private static String sorted(JsonNode object, Function<JsonNode, String> value) {
    return object.properties().stream()
        .sorted(Map.Entry.comparingByKey())
        .map(field -> field.getKey() + ":" + value.apply(field.getValue()))
        .collect(Collectors.joining(","));
  }

  private static String quoted(String text) {
    return QUOTE + text + QUOTE;
  }
}
