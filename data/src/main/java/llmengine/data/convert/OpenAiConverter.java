package llmengine.data.convert;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.Columns;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.Tags;
import llmengine.data.template.tool.FunctionMessage;
import llmengine.data.template.tool.PythonJson;

/**
 * Chat-completion rows: {@code tool_calls} of an assistant message become a function turn (a JSON
 * list), consecutive tool messages one observation turn. Like LLaMA-Factory it appends "detailed
 * thinking off" to the system text of rows without tools. Unlike there, arguments given as JSON
 * text (the OpenAI format) are unwrapped instead of being quoted twice.
 */
record OpenAiConverter(DatasetSpec spec) implements Converter {
  private static final ObjectReader JSON = new ObjectMapper().reader();

  @Override
  public AlignedRow convert(JsonNode row) {
    Columns columns = spec.columns();
    Tags tags = spec.tags();
    List<JsonNode> raw = Conversation.messages(row, columns.messages());
    String system;
    if (tags.system() != null
        && !raw.isEmpty()
        && tags.system().equals(Conversation.role(raw.getFirst(), tags))) {
      system = Conversation.content(raw.getFirst(), tags);
      system = system == null ? "" : system;
      raw = raw.subList(1, raw.size());
    } else {
      system = Converter.text(row, columns.system());
    }
    String tools = Converter.tools(row, columns.tools());
    if (tools.isEmpty()) {
      system = (system.isEmpty() ? "" : system + "\n") + "detailed thinking off";
    } else if (!system.isEmpty()) {
      system = system + "\n";
    }
    List<Message> messages = messages(raw, tags);
    return messages == null
        ? Converter.broken(system, tools)
        : Conversation.align(spec, row, messages, system, tools);
  }

  /** Null if a role or content is unusable. Tool results that nobody answers are left out. */
  private static List<Message> messages(List<JsonNode> raw, Tags tags) {
    var messages = new ArrayList<Message>();
    var results = new ArrayList<String>();
    for (JsonNode message : raw) {
      Role role = Conversation.role(Conversation.role(message, tags), tags);
      String content = Conversation.content(message, tags);
      JsonNode calls = message.path("tool_calls");
      if (calls.isArray()
          && !calls.isEmpty()
          && (role == Role.ASSISTANT || role == Role.FUNCTION)) {
        role = Role.FUNCTION;
        content = PythonJson.write(calls(calls));
      }
      if (role == null || content == null) {
        return null;
      }
      if (role == Role.OBSERVATION) {
        results.add(content);
        continue;
      }
      if (!results.isEmpty()) {
        messages.add(
            new Message(Role.OBSERVATION, String.join(FunctionMessage.BETWEEN_RESULTS, results)));
        results.clear();
      }
      messages.add(new Message(role, content));
    }
    return messages;
  }

  private static ArrayNode calls(JsonNode calls) {
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    for (JsonNode call : calls) {
      JsonNode function = call.path("function");
      JsonNode arguments = parsed(function.path("arguments"));
      if (arguments != null) {
        list.add(((ObjectNode) function.deepCopy()).set("arguments", arguments));
      } else {
        list.add(function);
      }
    }
    return list;
  }

  /** The object that a text of JSON spells out, or null if it spells none. */
  private static JsonNode parsed(JsonNode arguments) {
    if (!arguments.isTextual()) {
      return null;
    }
    try {
      JsonNode value = JSON.readTree(arguments.asText());
      return value.isObject() ? value : null;
    } catch (JsonProcessingException e) {
      return null; // plain text: stays as it is
    }
  }
}
