package llmengine.data.template.tool;

import java.time.Clock;
import java.util.List;

/** Calls as qwen writes them; the description ends with the switch that turns thoughts off. */
record LingTools(String name) implements ToolFormat {
  LingTools() {
    this("ling");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return QwenTools.signatures(tools) + QwenTools.callInstruction() + "\ndetailed thinking off";
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    return new QwenTools().calls(calls);
  }
}
