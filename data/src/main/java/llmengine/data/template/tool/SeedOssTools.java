package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/** Function and parameter tags inside {@code <seed:tool_call>} tags. */
record SeedOssTools(String name) implements ToolFormat {
  SeedOssTools() {
    this("seed_oss");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return """
    system
    You are Doubao, a helpful AI assistant. You may call one or more functions to assist with \
    the user query.Tool List:
    You are authorized to use the following tools (described in JSON Schema format). Before \
    performing any task, you must decide how to call them based on the descriptions and \
    parameters of these tools.
    """
        + "["
        + Tool.joined(tools, ", ", tool -> PythonJson.write(tool.json()))
        + "]"
        + """

        工具调用请遵循如下格式:
        <seed:tool_call>
        <function=example_function_name>
        <parameter=example_parameter_1>value_1</parameter>
        <parameter=example_parameter_2>This is the value for the second parameter
        that can span
        multiple lines</parameter>
        </function>
        </seed:tool_call>
        """;
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream().map(SeedOssTools::call).collect(Collectors.joining("\n"));
  }

  private static String call(FunctionCall call) {
    // The function tag stays open as in LLaMA-Factory, so that models tuned by either agree.
    StringBuilder text = new StringBuilder("\n<seed:tool_call>\n<function=").append(call.name());
    for (var argument : call.entries()) {
      text.append("\n<parameter=").append(argument.getKey()).append(">");
      text.append(PythonJson.plain(argument.getValue())).append("</parameter>");
    }
    return text.append("\n</function>\n</seed:tool_call>").toString();
  }
}
