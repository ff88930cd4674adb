package llmengine.data.template;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import llmengine.data.DataException;
import llmengine.data.template.tool.WordPair;

/**
 * A template as data: the formats of each kind of message and the switches. {@code tools} is the
 * format around the raw tool list if the template doesn't describe tools through {@code
 * toolFormat}, else empty.
 */
record TemplateDefinition(
    String name,
    Kind kind,
    Format prefix,
    Format system,
    Format user,
    Format assistant,
    Format function,
    Format observation,
    Format tools,
    String toolFormat,
    String defaultSystem,
    List<String> stopWords,
    WordPair thoughtWords,
    WordPair callWords,
    boolean efficientEos,
    boolean replaceEos,
    boolean replaceJinjaTemplate) {

  /** The mechanisms that differ between templates. */
  enum Kind {
    /** The system text is a segment of its own in front of the first message. */
    PLAIN,
    /** The system text is put in front of the first user message's content. */
    LLAMA2,
    /** Plain, and answers may open with a thought. */
    REASONING,
    /** Reasoning where an empty thought is only the closing word. */
    CLOSED_THOUGHT,
    /**
     * Plain, but a description of tools that stands alone as system text loses its leading
     * newlines.
     */
    TOOLS_AS_SYSTEM;

    boolean reasons() {
      return this == REASONING || this == CLOSED_THOUGHT;
    }
  }

  static TemplateDefinition of(String name, JsonNode json) {
    boolean efficientEos = json.path("efficient_eos").asBoolean(false);
    Format user = format(name, json.get("user"), Format.CONTENT);
    Format assistant =
        format(name, json.get("assistant"), efficientEos ? Format.CONTENT : Format.CONTENT_EOS);
    return new TemplateDefinition(
        name,
        Kind.valueOf(json.path("kind").asText("plain").toUpperCase(Locale.ROOT)),
        format(name, json.get("prefix"), Format.EMPTY),
        format(name, json.get("system"), Format.CONTENT),
        user,
        assistant,
        format(name, json.get("function"), assistant),
        format(name, json.get("observation"), user),
        format(name, json.get("tools"), Format.EMPTY),
        json.path("tool_format").asText("default"),
        json.path("default_system").asText(""),
        strings(json.get("stop_words")),
        words(json.get("thought_words"), new WordPair("<think>\n", "\n</think>\n\n")),
        words(json.get("tool_call_words"), new WordPair("<tool_call>", "</tool_call>")),
        efficientEos,
        json.path("replace_eos").asBoolean(false),
        json.path("replace_jinja_template").asBoolean(false));
  }

  TemplateDefinition withDefaultSystem(String system) {
    return new TemplateDefinition(
        name,
        kind,
        prefix,
        this.system,
        user,
        assistant,
        function,
        observation,
        tools,
        toolFormat,
        system,
        stopWords,
        thoughtWords,
        callWords,
        efficientEos,
        replaceEos,
        replaceJinjaTemplate);
  }

  /**
   * Tool calls become plain content (then eos, unless efficient_eos) in the wording of {@code
   * format}.
   */
  TemplateDefinition withToolFormat(String format) {
    return new TemplateDefinition(
        name,
        kind,
        prefix,
        system,
        user,
        assistant,
        efficientEos ? Format.CONTENT : Format.CONTENT_EOS,
        observation,
        Format.EMPTY,
        format,
        defaultSystem,
        stopWords,
        thoughtWords,
        callWords,
        efficientEos,
        replaceEos,
        replaceJinjaTemplate);
  }

  private static Format format(String name, JsonNode json, Format absent) {
    if (json == null) {
      return absent;
    }
    List<Slot> slots = new ArrayList<>();
    for (JsonNode slot : json.isArray() ? json : List.of(json)) {
      slots.add(slot(name, slot));
    }
    return new Format(List.copyOf(slots));
  }

  private static Slot slot(String name, JsonNode json) {
    if (json.isTextual()) {
      return Slot.Text.of(json.textValue());
    }
    if (json.has("token")) {
      return new Slot.Token(json.get("token").textValue());
    }
    return switch (json.path("special").asText()) {
      case "bos" -> Slot.Special.BOS;
      case "eos" -> Slot.Special.EOS;
      default ->
          throw new DataException(
              "template "
                  + name
                  + ": unknown slot: expected text, {\"token\": name} or "
                  + "{\"special\": \"bos\"|\"eos\"}, got "
                  + json
                  + ". Correct the definition.");
    };
  }

  private static List<String> strings(JsonNode json) {
    List<String> strings = new ArrayList<>();
    if (json != null) {
      json.forEach(string -> strings.add(string.textValue()));
    }
    return List.copyOf(strings);
  }

  private static WordPair words(JsonNode json, WordPair absent) {
    return json == null ? absent : new WordPair(json.get(0).textValue(), json.get(1).textValue());
  }
}
