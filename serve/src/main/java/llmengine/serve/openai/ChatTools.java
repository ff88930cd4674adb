package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import llmengine.serve.http.Fields;

/**
 * The tools of a chat request and how they are to be used.
 *
 * @param list as the request gives them; empty if none may be called
 * @param forced those of which one must be called; empty if the model is free
 * @param parallel whether one answer may make several calls
 */
record ChatTools(ArrayNode list, ArrayNode forced, boolean parallel) {
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
    return switch (choice(f, names)) {
      case "none" -> new ChatTools(none(), none(), parallel);
      case "auto" -> new ChatTools(list, none(), parallel);
      case "required" -> new ChatTools(list, list, parallel);
      case String name -> new ChatTools(list, only(list, name.substring(1)), parallel);
    };
  }

  private static ArrayNode none() {
    return JsonNodeFactory.instance.arrayNode();
  }

  private static ArrayNode only(ArrayNode list, String name) {
    ArrayNode one = none();
    list.forEach(
        tool -> {
          if (tool.at("/function/name").asText().equals(name)) {
            one.add(tool);
          }
        });
    return one;
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

  /** none, auto, required, or # and a function's name. */
  private static String choice(Fields f, Set<String> names) {
    Optional<JsonNode> given = f.value("tool_choice");
    if (given.isEmpty()) {
      return "auto";
    }
    if (given.get().isTextual()) {
      String word = f.word("tool_choice", "none", "auto", "required").orElseThrow();
      if (word.equals("required") && names.isEmpty()) {
        throw f.invalid("tool_choice", "tools beside required", "none");
      }
      return word;
    }
    Fields choice = f.object("tool_choice").orElseThrow();
    choice.word("type", "function");
    Fields function =
        choice.object("function").orElseThrow(() -> choice.missing("function", "an object"));
    String name = function.text("name").orElseThrow(() -> function.missing("name", "a string"));
    function.end();
    choice.end();
    if (!names.contains(name)) {
      throw function.invalid("name", "one of " + String.join(", ", names), "\"" + name + "\"");
    }
    return "#" + name;
  }
}
