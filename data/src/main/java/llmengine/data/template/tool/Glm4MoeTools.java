package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/**
 * {@code <tool_call>name}, then a pair of tags per argument. The closing tag is described but never
 * written.
 */
record Glm4MoeTools(String name) implements ToolFormat {
  Glm4MoeTools() {
    this("glm4_moe");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "\n\n"
        + QwenTools.signatures(tools)
        + """
        For each function call, output the function name and arguments within the following XML \
        format:
        <tool_call>{function-name}
        <arg_key>{arg-key-1}</arg_key>
        <arg_value>{arg-value-1}</arg_value>
        <arg_key>{arg-key-2}</arg_key>
        <arg_value>{arg-value-2}</arg_value>
        ...
        </tool_call>
        """;
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream().map(Glm4MoeTools::call).collect(Collectors.joining("\n"));
  }

  private static String call(FunctionCall call) {
    StringBuilder text = new StringBuilder("\n<tool_call>").append(call.name());
    for (var argument : call.entries()) {
      text.append("\n<arg_key>").append(argument.getKey()).append("</arg_key>\n<arg_value>");
      text.append(PythonJson.plain(argument.getValue())).append("</arg_value>");
    }
    return text.toString();
  }
}
