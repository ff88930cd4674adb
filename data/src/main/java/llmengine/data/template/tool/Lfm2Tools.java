package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/** A list of calls that look like Python, with JSON values, between two tokens. */
record Lfm2Tools(String name) implements ToolFormat {
  Lfm2Tools() {
    this("lfm2");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "List of tools: <|tool_list_start|>["
        + Tool.joined(tools, ", ", tool -> PythonJson.write(tool.function()))
        + "]<|tool_list_end|>";
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream()
        .map(c -> c.name() + "(" + arguments(c) + ")")
        .collect(Collectors.joining(", ", "<|tool_call_start|>[", "]<|tool_call_end|>"));
  }

  private static String arguments(FunctionCall call) {
    return call.entries().stream()
        .map(argument -> argument.getKey() + "=" + PythonJson.write(argument.getValue()))
        .collect(Collectors.joining(", "));
  }
}
