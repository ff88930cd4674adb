package llmengine.data.convert;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.Columns;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.Tags;

/**
 * What the two message formats share: reading messages, checking the order of roles, splitting off
 * the answer.
 */
final class Conversation {
  private Conversation() {}

  /** The messages in column {@code name}; none if the value is null. */
  static List<JsonNode> messages(JsonNode row, String name) {
    JsonNode value = name == null ? null : row.get(name);
    if (value == null || value.isNull()) {
      return List.of();
    }
    if (!value.isArray()) {
      throw new DataException(
          "column \""
              + name
              + "\": expected a list of messages, got "
              + value.getNodeType().name().toLowerCase(Locale.ROOT)
              + ".");
    }
    var messages = new ArrayList<JsonNode>(value.size());
    value.forEach(messages::add);
    return messages;
  }

  static String role(JsonNode message, Tags tags) {
    return tags.role() == null ? null : message.path(tags.role()).asText(null);
  }

  /** Text of a message, null if it has none. */
  static String content(JsonNode message, Tags tags) {
    JsonNode content = tags.content() == null ? null : message.get(tags.content());
    return content == null || !content.isTextual() ? null : content.asText();
  }

  static Role role(String tag, Tags tags) {
    if (tag == null) {
      return null;
    }
    if (tag.equals(tags.user())) {
      return Role.USER;
    }
    if (tag.equals(tags.assistant())) {
      return Role.ASSISTANT;
    }
    if (tag.equals(tags.observation())) {
      return Role.OBSERVATION;
    }
    return tag.equals(tags.function()) ? Role.FUNCTION : null;
  }

  static AlignedRow align(
      DatasetSpec spec, JsonNode row, List<Message> messages, String system, String tools) {
    for (int i = 0; i < messages.size(); i++) {
      if (isAsking(messages.get(i).role()) != (i % 2 == 0)) {
        return Converter.broken(system, tools);
      }
    }
    // ranking data ends with the question, all other data with the answer
    if (messages.isEmpty() || (messages.size() % 2 == 0) == spec.ranking()) {
      return Converter.broken(system, tools);
    }
    Columns columns = spec.columns();
    Boolean ktoTag = Converter.flag(row, columns.ktoTag());
    if (ktoTag == null
        && spec.ranking()
        && isObject(row, columns.chosen())
        && isObject(row, columns.rejected())) {
      Message chosen = answer(row.get(columns.chosen()), spec.tags());
      Message rejected = answer(row.get(columns.rejected()), spec.tags());
      return chosen == null || rejected == null
          ? Converter.broken(system, tools)
          : new AlignedRow(List.copyOf(messages), List.of(chosen, rejected), system, tools);
    }
    return Converter.answered(messages, ktoTag, system, tools);
  }

  private static Message answer(JsonNode message, Tags tags) {
    Role role = role(role(message, tags), tags);
    String content = content(message, tags);
    return role == null || isAsking(role) || content == null ? null : new Message(role, content);
  }

  private static boolean isAsking(Role role) {
    return role == Role.USER || role == Role.OBSERVATION;
  }

  private static boolean isObject(JsonNode row, String column) {
    return column != null && row.path(column).isObject();
  }
}
