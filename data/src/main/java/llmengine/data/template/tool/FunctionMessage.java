package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.DataException;

/**
 * The content of a function message: {@code {"name": ..., "arguments": ...}} or a list of them, as
 * JSON, on its own, after a thought, or between tool-call words inside other text.
 */
public final class FunctionMessage {
  /** Between the answers of several tools in one observation. */
  public static final String BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n";

  private FunctionMessage() {}

  /**
   * The message as the model shall write it. Text around the calls is kept in front of them. The
   * word pairs may be null: then the content is JSON alone. Throws {@link DataException} if the
   * JSON is broken or isn't a call.
   */
  public static String write(
      String content, ToolFormat format, WordPair thoughtWords, WordPair callWords) {
    String call = callWords == null ? null : callWords.firstIn(content);
    if (call != null) {
      String json =
          call.substring(callWords.open().length(), call.length() - callWords.close().length());
      return content.replace(call, "") + format.calls(parse(json));
    }
    String thought = thoughtWords == null ? null : thoughtWords.firstIn(content);
    return thought == null
        ? format.calls(parse(content))
        : thought + format.calls(parse(content.replace(thought, "")));
  }

  private static List<FunctionCall> parse(String text) {
    JsonNode json = PythonJson.parse("function message", text);
    List<FunctionCall> calls = new ArrayList<>();
    for (JsonNode call : json.isArray() ? json : List.of(json)) {
      JsonNode name = call.get("name");
      JsonNode arguments = call.get("arguments");
      if (name == null || !name.isTextual() || arguments == null) {
        throw new DataException(
            "function message: not a call: expected {\"name\": text, \"arguments\": {...}}, got "
                + PythonJson.write(call)
                + ". Correct the row.");
      }
      calls.add(new FunctionCall(name.textValue(), arguments));
    }
    return calls;
  }
}
