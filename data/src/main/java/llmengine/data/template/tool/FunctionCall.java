package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Set;
import llmengine.data.DataException;

/** A call of a tool: its name and its arguments (nearly always a JSON object). */
public record FunctionCall(String name, JsonNode arguments) {
  /** Arguments in the order written. */
  Set<Map.Entry<String, JsonNode>> entries() {
    return object().properties();
  }

  /**
   * The arguments, which must be an object: formats that name each argument can't write anything
   * else.
   */
  JsonNode object() {
    if (!arguments.isObject()) {
      throw new DataException(
          "function message: arguments of \""
              + name
              + "\" aren't an object: expected "
              + "{\"name\": value, ...}, got "
              + PythonJson.write(arguments)
              + ". Correct the data or choose another tool_format.");
    }
    return arguments;
  }
}
