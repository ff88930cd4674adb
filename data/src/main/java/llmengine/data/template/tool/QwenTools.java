package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/** Each call as JSON on a line of its own between {@code <tool_call>} tags. */
record QwenTools(String name) implements ToolFormat {
  QwenTools() {
    this("qwen");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "\n\n" + signatures(tools) + callInstruction();
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream()
        .map(c -> "<tool_call>\n" + json(c, "arguments") + "\n</tool_call>")
        .collect(Collectors.joining("\n"));
  }

  /** The section that lists the tools, shared by several families. */
  static String signatures(List<Tool> tools) {
    return "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        + "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
        + Tool.joined(tools, "\n", tool -> PythonJson.write(tool.wrapped()))
        + "\n</tools>\n\n";
  }

  static String callInstruction() {
    return "For each function call, return a json object with function name and arguments within "
        + "<tool_call></tool_call> XML tags:\n<tool_call>\n"
        + "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";
  }

  /** {@code {"name": ..., <argumentsKey>: ...}} on one line. */
  static String json(FunctionCall call, String argumentsKey) {
    return PythonJson.write(object(call, argumentsKey));
  }

  static JsonNode object(FunctionCall call, String argumentsKey) {
    ObjectNode object = JsonNodeFactory.instance.objectNode().put("name", call.name());
    return object.set(argumentsKey, call.arguments());
  }
}
