package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** "Action: name", then "Action Input: JSON", for models without a format of their own. */
record DefaultTools(String name) implements ToolFormat {
  DefaultTools() {
    this("default");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "You have access to the following tools:\n"
        + Tool.joined(tools, "", DefaultTools::describe)
        + "\nUse the following format if using a tool:\n```\nAction: tool name (one of ["
        + Tool.joined(tools, ", ", Tool::name)
        + "])\nAction Input: the input to the tool, in a JSON format representing the kwargs "
        + "(e.g. ```{\"input\": \"hello world\", \"num_beams\": 5}```)\n```\n";
  }

  private static String describe(Tool tool) {
    StringBuilder text = new StringBuilder();
    text.append("> Tool Name: ").append(tool.name());
    text.append("\nTool Description: ").append(tool.description()).append("\nTool Args:\n");
    for (Map.Entry<String, JsonNode> parameter :
        tool.parameters().path("properties").properties()) {
      JsonNode schema = parameter.getValue();
      boolean required = texts(tool.parameters().path("required")).contains(parameter.getKey());
      text.append("  - ").append(parameter.getKey());
      text.append(" (").append(PythonJson.plain(schema.path("type")));
      text.append(required ? ", required): " : "): ");
      text.append(schema.path("description").asText(""));
      if (!schema.path("enum").isEmpty()) {
        String values = String.join(", ", texts(schema.get("enum")));
        text.append(", should be one of [").append(values).append(']');
      }
      if (!schema.path("items").isEmpty()) {
        text.append(", where each item should be ");
        text.append(PythonJson.plain(schema.get("items").path("type")));
      }
      text.append('\n');
    }
    return text.toString();
  }

  private static List<String> texts(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).map(PythonJson::plain).toList();
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream()
        .map(c -> "Action: " + c.name() + "\nAction Input: " + PythonJson.write(c.arguments()))
        .collect(Collectors.joining("\n"));
  }
}
