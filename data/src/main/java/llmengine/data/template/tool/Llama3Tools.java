package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.time.Clock;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/**
 * JSON with {@code parameters}, in a list if there are several calls; the description says which
 * day it is.
 */
record Llama3Tools(String name) implements ToolFormat {
  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern("dd MMM uuuu", Locale.ENGLISH);

  Llama3Tools() {
    this("llama3");
  }

  @Override
  public String describe(List<Tool> tools, Clock clock) {
    return "Cutting Knowledge Date: December 2023\nToday Date: "
        + LocalDate.now(clock).format(DAY)
        + "\n\nYou have access to the following functions. To call a function, please respond with "
        + "JSON for a function call. Respond in the format {\"name\": function name, "
        + "\"parameters\": dictionary of argument name and its value}. Do not use variables.\n\n"
        + Tool.joined(tools, "", tool -> PythonJson.write(tool.wrapped(), 4) + "\n\n");
  }

  @Override
  public String calls(List<FunctionCall> calls) {
    if (calls.size() == 1) {
      return QwenTools.json(calls.getFirst(), "parameters");
    }
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    calls.forEach(call -> list.add(QwenTools.object(call, "parameters")));
    return PythonJson.write(list);
  }
}
