package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.time.Clock;
import java.util.List;

/** Tools and calls as JSON lists. */
record MistralTools(String name) implements ToolFormat {
  MistralTools() {
    this("mistral");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "[AVAILABLE_TOOLS] ["
        + Tool.joined(tools, ", ", tool -> PythonJson.write(tool.wrapped()))
        + "][/AVAILABLE_TOOLS]";
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    calls.forEach(call -> list.add(QwenTools.object(call, "arguments")));
    return PythonJson.write(list);
  }
}
