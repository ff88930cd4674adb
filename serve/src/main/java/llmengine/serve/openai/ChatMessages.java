package llmengine.serve.openai;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import llmengine.data.template.ChatMessage;
import llmengine.data.template.ToolCall;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Fields;

/** The messages of a chat request. */
final class ChatMessages {
  private static final String[] ROLES = {
    "system", "developer", "user", "assistant", "tool", "function"
  };

  private ChatMessages() {}

  /** All messages in order; at least one. */
  static List<ChatMessage> read(Fields request) {
    List<Fields> given =
        request.objects("messages").orElseThrow(() -> request.missing("messages", "a list"));
    if (given.isEmpty()) {
      throw request.invalid("messages", "at least one message", "none");
    }
    return given.stream().map(ChatMessages::message).toList();
  }

  private static ChatMessage message(Fields f) {
    String role = f.word("role", ROLES).orElseThrow(() -> f.missing("role", "a role"));
    Optional<String> content = content(f);
    Optional<String> name = f.text("name");
    ChatMessage message =
        switch (role) {
          case "assistant" -> assistant(f, content);
          case "tool", "function" ->
              ChatMessage.tool(
                  required(f, content), f.text("tool_call_id").orElse(null), name.orElse(null));
          default ->
              new ChatMessage(role, required(f, content), null, List.of(), null, name.orElse(null));
        };
    f.end();
    return message;
  }

  private static ChatMessage assistant(Fields f, Optional<String> content) {
    List<ToolCall> calls = new ArrayList<>();
    f.objects("tool_calls").orElse(List.of()).forEach(call -> calls.add(call(call)));
    f.unsupported("function_call");
    f.unsupported("audio");
    f.unsupported("annotations", "[]");
    Optional<String> refusal = f.text("refusal");
    if (content.isEmpty() && calls.isEmpty() && refusal.isEmpty()) {
      throw f.missing("content", "a string, or tool_calls");
    }
    return ChatMessage.assistant(
        content.or(() -> refusal).orElse(null),
        f.text("reasoning_content").or(() -> f.text("reasoning")).orElse(null),
        calls);
  }

  private static ToolCall call(Fields f) {
    f.word("type", "function");
    f.integer("index", 0, Integer.MAX_VALUE);
    Fields function = f.object("function").orElseThrow(() -> f.missing("function", "an object"));
    ToolCall call =
        new ToolCall(
            f.text("id").orElse(""),
            function.text("name").orElseThrow(() -> function.missing("name", "a string")),
            function.text("arguments").orElse("{}"));
    function.end();
    f.end();
    return call;
  }

  /** Text, or the texts of a list of parts. */
  private static Optional<String> content(Fields f) {
    if (f.value("content").filter(v -> v.isArray()).isEmpty()) {
      return f.text("content");
    }
    StringBuilder text = new StringBuilder();
    for (Fields part : f.objects("content").orElseThrow()) {
      String type = part.text("type").orElseThrow(() -> part.missing("type", "a string"));
      if (!type.equals("text")) {
        throw ApiException.badRequest(
            part.name("type"),
            "unsupported_value",
            part.name("type")
                + ": not supported: expected \"text\" (the model reads no pictures, sound or"
                + " files), got \""
                + type
                + "\". Leave it out.");
      }
      text.append(part.text("text").orElseThrow(() -> part.missing("text", "a string")));
      part.end();
    }
    return Optional.of(text.toString());
  }

  private static String required(Fields f, Optional<String> content) {
    return content.orElseThrow(() -> f.missing("content", "a string or a list of parts"));
  }
}
