package llmengine.data.source;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * How messages of sharegpt and openai rows name their parts; null means "no such tag". The names
 * are those of {@code tags} in dataset_info.json. A {@code tags} object replaces all defaults: what
 * it does not list becomes null.
 */
public record Tags(
    String role,
    String content,
    String user,
    String assistant,
    String observation,
    String function,
    String system) {

  public static final Tags DEFAULT =
      new Tags("from", "value", "human", "gpt", "observation", "function_call", "system");

  static Tags parse(JsonNode tags) {
    if (tags == null) {
      return DEFAULT;
    }
    return new Tags(
        text(tags, "role_tag"),
        text(tags, "content_tag"),
        text(tags, "user_tag"),
        text(tags, "assistant_tag"),
        text(tags, "observation_tag"),
        text(tags, "function_tag"),
        text(tags, "system_tag"));
  }

  private static String text(JsonNode node, String key) {
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? null : value.asText();
  }
}
