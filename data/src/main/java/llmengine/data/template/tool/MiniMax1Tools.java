package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/** All calls as JSON lines between one pair of {@code <tool_calls>} tags. */
record MiniMax1Tools(String name) implements ToolFormat {
  MiniMax1Tools() {
    this("minimax1");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "You are provided with these tools:\n<tools>\n"
        + Tool.joined(tools, "\n", tool -> PythonJson.write(tool.function()))
        + """

        </tools>

        If you need to call tools, please respond with <tool_calls></tool_calls> XML tags, and \
        provide tool-name and json-object of arguments, following the format below:
        <tool_calls>
        {"name": <tool-name-1>, "arguments": <args-json-object-1>}
        ...
        </tool_calls>\
        """;
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream()
        .map(call -> QwenTools.json(call, "arguments"))
        .collect(Collectors.joining("\n", "<tool_calls>\n", "\n</tool_calls>"));
  }
}
