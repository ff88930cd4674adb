package llmengine.data.template;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.Tokenizer;
import llmengine.data.template.tool.FunctionMessage;
import llmengine.data.template.tool.PythonJson;

/**
 * A named template as a {@link ChatFormat}. Its turns alternate, so neighbours of one side are
 * joined: answers of tools as training data joins them, other texts by a line break.
 */
record NamedFormat(ChatTemplate template, Tokenizer tokenizer) implements ChatFormat {

  @Override
  public String name() {
    return template.name();
  }

  @Override
  public Optional<ChatTemplate> named() {
    return Optional.of(template);
  }

  @Override
  public int[] prompt(Chat chat) {
    ChatTemplate asked = template;
    for (Map.Entry<String, Object> argument : chat.arguments().entrySet()) {
      asked = with(asked, argument.getKey(), argument.getValue());
    }
    int first = 0;
    StringBuilder system = new StringBuilder();
    List<ChatMessage> messages = chat.messages();
    while (first < messages.size() && isSystem(messages.get(first))) {
      system.append(system.isEmpty() ? "" : "\n\n").append(text(messages.get(first++)));
    }
    return asked.generationPrompt(
        tokenizer,
        turns(messages.subList(first, messages.size()), first),
        system.toString(),
        tools(chat.tools()));
  }

  @Override
  public Set<Integer> stopIds() {
    Set<Integer> ids = new LinkedHashSet<>();
    for (int id : template.stopTokenIds(tokenizer)) {
      ids.add(id);
    }
    return Collections.unmodifiableSet(ids);
  }

  private ChatTemplate with(ChatTemplate asked, String name, Object value) {
    return switch (name) {
      case "enable_thinking" -> asked.withThinking(Thinking.of(flag(name, value, true)));
      case "preserve_thinking" -> asked.withPreservedThinking(flag(name, value, false));
      default ->
          throw new DataException(
              "chat_template_kwargs: not known to template "
                  + template.name()
                  + ": expected enable_thinking or preserve_thinking, got "
                  + name
                  + ". Leave it out, or leave template out so that the checkpoint's own"
                  + " chat_template is used.");
    };
  }

  private static Boolean flag(String name, Object value, boolean orNull) {
    if (value instanceof Boolean flag) {
      return flag;
    } else if (value == null && orNull) {
      return null;
    }
    throw new DataException(
        "chat_template_kwargs: " + name + ": expected true or false, got " + value + ".");
  }

  private List<Message> turns(List<ChatMessage> messages, int offset) {
    List<Message> turns = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      Message turn = turn(messages.get(i), offset + i);
      Role before = turns.isEmpty() ? null : turns.getLast().role();
      if (before == turn.role() && before != Role.FUNCTION) {
        String between = before == Role.OBSERVATION ? FunctionMessage.BETWEEN_RESULTS : "\n";
        String joined = turns.removeLast().content() + between + turn.content();
        turns.add(new Message(turn.role(), joined));
      } else {
        turns.add(turn);
      }
    }
    Role last = turns.isEmpty() ? null : turns.getLast().role();
    if (last != Role.USER && last != Role.OBSERVATION) {
      throw new DataException(
          "messages: nothing to answer: expected a last message of user or tool, got "
              + (last == null ? "none" : "one of the assistant")
              + ".");
    }
    return turns;
  }

  private Message turn(ChatMessage message, int place) {
    return switch (message.role()) {
      case "user" -> new Message(Role.USER, text(message));
      case "tool", "observation" -> new Message(Role.OBSERVATION, text(message));
      case "assistant" ->
          message.toolCalls().isEmpty()
              ? new Message(Role.ASSISTANT, thought(message) + text(message))
              : new Message(Role.FUNCTION, calls(message));
      default ->
          throw new DataException(
              "messages["
                  + place
                  + "]: role not known to template "
                  + template.name()
                  + ": expected user, assistant or tool, and system only in front, got "
                  + message.role()
                  + ".");
    };
  }

  private static boolean isSystem(ChatMessage message) {
    return message.role().equals("system") || message.role().equals("developer");
  }

  private static String text(ChatMessage message) {
    return message.content() == null ? "" : message.content();
  }

  /** A template that does not reason leaves thoughts out, as checkpoints' own templates do. */
  private String thought(ChatMessage message) {
    return message.reasoning() == null || message.reasoning().isEmpty() || !template.reasons()
        ? ""
        : template.thoughtWords().open() + message.reasoning() + template.thoughtWords().close();
  }

  private String calls(ChatMessage message) {
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    for (ToolCall call : message.toolCalls()) {
      ObjectNode node = list.addObject().put("name", call.name());
      node.set("arguments", PythonJson.parse("arguments of " + call.name(), call.arguments()));
    }
    String json = PythonJson.write(list);
    return text(message).isEmpty()
        ? thought(message) + json
        : thought(message) + template.beside(text(message), json);
  }

  private static String tools(String json) {
    return json.isEmpty() || PythonJson.parse("tools", json).isEmpty() ? "" : json;
  }
}
