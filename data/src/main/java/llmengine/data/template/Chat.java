package llmengine.data.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a model is to answer.
 *
 * @param messages in order, system messages among them
 * @param tools JSON list of tools as chat requests write them; empty for none
 * @param arguments further variables of the template ({@code chat_template_kwargs}), such as {@code
 *     enable_thinking}: null, booleans, numbers, texts, lists and maps of them
 */
public record Chat(List<ChatMessage> messages, String tools, Map<String, Object> arguments) {
  public Chat {
    messages = List.copyOf(messages);
    tools = tools == null ? "" : tools;
    // a map of its own: values may be null
    arguments = Collections.unmodifiableMap(new LinkedHashMap<>(arguments));
  }

  /**
   * A chat without tools.
   *
   * @param system null or empty for none
   */
  public static Chat of(String system, List<ChatMessage> messages) {
    List<ChatMessage> all = new ArrayList<>();
    if (system != null && !system.isEmpty()) {
      all.add(ChatMessage.of("system", system));
    }
    all.addAll(messages);
    return new Chat(all, "", Map.of());
  }
}
