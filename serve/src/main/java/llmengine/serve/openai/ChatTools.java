package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Fields;

/**
 * The tools of a chat request and how they are to be used.
 *
 * @param list as the request gives them; empty if none may be called
 * @param parallel whether one answer may make several calls
 */
record ChatTools(ArrayNode list, boolean parallel) {
  static ChatTools read(Fields f) {
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    Set<String> names = new LinkedHashSet<>();
    for (Fields tool : f.objects("tools").orElse(List.of())) {
      if (!names.add(name(tool))) {
        throw tool.invalid("function.name", "names that differ", "one twice");
      }
      list.add(tool.json());
    }
    boolean parallel = f.flag("parallel_tool_calls").orElse(true);
    String choice = choice(f, names);
    return new ChatTools(choice.equals("none") ? list.removeAll() : list, parallel);
  }

  /** JSON for the template; empty for no tools. */
  String described() {
    return list.isEmpty() ? "" : list.toString();
  }

  boolean isEmpty() {
    return list.isEmpty();
  }

  private static String name(Fields tool) {
    String type = tool.text("type").orElseThrow(() -> tool.missing("type", "\"function\""));
    if (!type.equals("function")) {
      throw tool.invalid("type", "\"function\"", "\"" + type + "\"");
    }
    Fields function =
        tool.object("function").orElseThrow(() -> tool.missing("function", "an object"));
    String name = function.text("name").orElseThrow(() -> function.missing("name", "a string"));
    if (!name.matches("[A-Za-z0-9_.-]{1,64}")) {
      throw function.invalid("name", "1 to 64 letters, digits, _, - and .", "\"" + name + "\"");
    }
    function.text("description");
    function.object("parameters");
    function.flag("strict");
    function.end();
    tool.end();
    return name;
  }

  private static String choice(Fields f, Set<String> names) {
    Optional<JsonNode> given = f.value("tool_choice");
    if (given.isEmpty()) {
      return "auto";
    }
    if (given.get().isTextual()) {
      String word = f.word("tool_choice", "none", "auto", "required").orElseThrow();
      if (word.equals("required")) {
        throw notYet(word);
      }
      return word;
    }
    Fields choice = f.object("tool_choice").orElseThrow();
    choice.word("type", "function");
    String name = choice.object("function").flatMap(function -> function.text("name")).orElse("");
    if (!names.contains(name)) {
      throw choice.invalid(
          "function.name", "one of " + String.join(", ", names), "\"" + name + "\"");
    }
    throw notYet("a function");
  }

  private static ApiException notYet(String choice) {
    return ApiException.badRequest(
        "tool_choice",
        "unsupported_value",
        "tool_choice: not supported: expected none or auto, got " + choice + ".");
  }
}
