package llmengine.data.source;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Which key of a raw row holds what; null means the dataset has no such column. The names are those
 * of {@code columns} in dataset_info.json. A {@code columns} object replaces all defaults: what it
 * does not list becomes null.
 */
public record Columns(
    String prompt,
    String query,
    String response,
    String history,
    String messages,
    String system,
    String tools,
    String images,
    String videos,
    String audios,
    String chosen,
    String rejected,
    String ktoTag) {

  public static final Columns DEFAULT =
      new Columns(
          "instruction",
          "input",
          "output",
          null,
          "conversations",
          null,
          null,
          null,
          null,
          null,
          null,
          null,
          null);

  static Columns parse(JsonNode columns) {
    if (columns == null) {
      return DEFAULT;
    }
    return new Columns(
        text(columns, "prompt"),
        text(columns, "query"),
        text(columns, "response"),
        text(columns, "history"),
        text(columns, "messages"),
        text(columns, "system"),
        text(columns, "tools"),
        text(columns, "images"),
        text(columns, "videos"),
        text(columns, "audios"),
        text(columns, "chosen"),
        text(columns, "rejected"),
        text(columns, "kto_tag"));
  }

  private static String text(JsonNode node, String key) {
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? null : value.asText();
  }
}
