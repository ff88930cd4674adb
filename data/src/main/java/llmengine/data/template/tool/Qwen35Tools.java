package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A {@code <function=name>} block with a {@code <parameter=key>} block per argument inside {@code
 * <tool_call>} tags.
 */
record Qwen35Tools(String name) implements ToolFormat {
  Qwen35Tools() {
    this("qwen3_5");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "\n\n# Tools\n\nYou have access to the following functions:\n\n<tools>\n"
        + Tool.joined(tools, "\n", tool -> PythonJson.write(tool.function()))
        + """

        </tools>

        If you choose to call a function ONLY reply in the following format with NO suffix:

        <tool_call>
        <function=example_function_name>
        <parameter=example_parameter_1>
        value_1
        </parameter>
        <parameter=example_parameter_2>
        This is the value for the second parameter
        that can span
        multiple lines
        </parameter>
        </function>
        </tool_call>

        <IMPORTANT>
        Reminder:
        - Function calls MUST follow the specified format: an inner <function=...></function> \
        block must be nested within <tool_call></tool_call> XML tags
        - Required parameters MUST be specified
        - You may provide optional reasoning for your function call in natural language BEFORE \
        the function call, but NOT after
        - If there is no function call available, answer the question like normal with your \
        current knowledge and do not tell the user about function calls
        </IMPORTANT>\
        """;
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return calls.stream().map(Qwen35Tools::call).collect(Collectors.joining("\n"));
  }

  private static String call(FunctionCall call) {
    StringBuilder text = new StringBuilder("<tool_call>\n");
    text.append("<function=").append(call.name()).append(">");
    for (var argument : call.entries()) {
      text.append("\n<parameter=").append(argument.getKey()).append(">\n");
      text.append(PythonJson.plain(argument.getValue())).append("\n</parameter>");
    }
    return text.append("\n</function>\n</tool_call>").toString();
  }
}
