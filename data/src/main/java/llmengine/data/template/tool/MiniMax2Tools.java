package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/**
 * {@code <invoke name="...">} with a tag per argument. The outer tag is described but never
 * written.
 */
record MiniMax2Tools(String name) implements ToolFormat {
  MiniMax2Tools() {
    this("minimax2");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return """


    # Tools

    You may call one or more tools to assist with the user query.
    Here are the tools available in JSONSchema format:

    <tools>
    """
        + Tool.joined(tools, "\n", tool -> "<tool>" + PythonJson.write(tool.function()) + "</tool>")
        + """

        </tools>

        When making tool calls, use XML format to invoke tools and pass parameters:

        <minimax:tool_call>
        <invoke name="tool-name-1">
        <parameter name="param-key-1">param-value-1</parameter>
        <parameter name="param-key-2">param-value-2</parameter>
        ...
        </invoke>
        </minimax:tool_call>\
        """;
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream().map(MiniMax2Tools::call).collect(Collectors.joining("\n"));
  }

  private static String call(FunctionCall call) {
    StringBuilder text = new StringBuilder("<invoke name=\"").append(call.name()).append("\">");
    for (var argument : call.entries()) {
      text.append("\n<parameter name=\"").append(argument.getKey()).append("\">");
      text.append(PythonJson.plain(argument.getValue())).append("</parameter>");
    }
    return text.append("\n</invoke>").toString();
  }
}
