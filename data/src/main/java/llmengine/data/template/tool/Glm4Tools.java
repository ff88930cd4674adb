package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;
import llmengine.data.DataException;

/** The name, a line break, the arguments as JSON. One call a turn. */
record Glm4Tools(String name) implements ToolFormat {
  Glm4Tools() {
    this("glm4");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱 AI 公司训练的语言模型 GLM-4 模型开发的，"
        + "你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n# 可用工具"
        + Tool.joined(tools, "", Glm4Tools::describe);
  }

  private static String describe(Tool tool) {
    return "\n\n## "
        + tool.name()
        + "\n\n"
        + PythonJson.write(tool.function(), 4)
        + "\n在调用上述函数时，请使用 Json 格式表示调用的参数。";
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    if (calls.size() != 1) {
      throw new DataException(
          "tool_format glm4: wrong number of calls in one turn: expected 1, got "
              + calls.size()
              + ". Split the turn or choose another tool_format.");
    }
    return calls.getFirst().name() + "\n" + PythonJson.write(calls.getFirst().arguments());
  }
}
