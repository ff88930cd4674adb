package llmengine.data.template;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import llmengine.data.DataException;
import llmengine.data.Tokenizer;

/** A template written for others: a Jinja {@code chat_template} and an Ollama Modelfile. */
final class TemplateText {
  private TemplateText() {}

  static String jinja(TemplateDefinition template, Tokenizer tokenizer) {
    String prefix = jinjaSum(template, template.prefix(), tokenizer, "content");
    String system = jinjaSum(template, template.system(), tokenizer, "system_message");
    StringBuilder text = new StringBuilder();
    if (!prefix.isEmpty()) {
      text.append("{{ ").append(prefix).append(" }}");
    }
    if (!template.defaultSystem().isEmpty()) {
      text.append("{% set system_message = ")
          .append(jinjaString(template.defaultSystem()))
          .append(" %}");
    }
    text.append("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}")
        .append("{% set system_message = messages[0]['content'] %}")
        .append("{% else %}{% set loop_messages = messages %}{% endif %}");
    if (template.kind() == TemplateDefinition.Kind.LLAMA2) {
      text.append("{% for message in loop_messages %}")
          .append("{% if loop.index0 == 0 and system_message is defined %}{% set content = ")
          .append(system)
          .append(" + message['content'] %}")
          .append("{% else %}{% set content = message['content'] %}{% endif %}");
    } else {
      text.append("{% if system_message is defined %}{{ ")
          .append(system)
          .append(" }}{% endif %}{% for message in loop_messages %}")
          .append("{% set content = message['content'] %}");
    }
    return text.append("{% if message['role'] == 'user' %}{{ ")
        .append(jinjaSum(template, template.user(), tokenizer, "content"))
        .append(" }}{% elif message['role'] == 'assistant' %}{{ ")
        .append(jinjaSum(template, template.assistant(), tokenizer, "content"))
        .append(" }}{% endif %}{% endfor %}")
        .toString();
  }

  static String modelfile(TemplateDefinition template, Tokenizer tokenizer, int[] stopIds) {
    StringBuilder text = new StringBuilder();
    text.append("# Ollama Modelfile written by LLM Engine\n\nFROM .\n\n");
    text.append("TEMPLATE \"\"\"")
        .append(goText(template, template.prefix(), tokenizer, ".Content"))
        .append("{{ if .System }}")
        .append(goText(template, template.system(), tokenizer, ".System"))
        .append("{{ end }}{{ range .Messages }}{{ if eq .Role \"user\" }}")
        .append(goText(template, template.user(), tokenizer, ".Content"))
        .append("{{ else if eq .Role \"assistant\" }}")
        .append(goText(template, template.assistant(), tokenizer, ".Content"))
        .append("{{ end }}{{ end }}\"\"\"\n\n");
    if (!template.defaultSystem().isEmpty()) {
      text.append("SYSTEM \"\"\"").append(template.defaultSystem()).append("\"\"\"\n\n");
    }
    for (int id : stopIds) {
      text.append("PARAMETER stop \"").append(tokenizer.tokenOf(id)).append("\"\n");
    }
    return text.append("PARAMETER num_ctx 4096\n").toString();
  }

  /** The format as a Jinja expression: strings and {@code variable} added together. */
  private static String jinjaSum(
      TemplateDefinition template, Format format, Tokenizer tokenizer, String variable) {
    List<String> terms = new ArrayList<>();
    for (Slot slot : format.slots()) {
      if (slot instanceof Slot.Text text) {
        addString(terms, text.before());
        if (text.takesContent()) {
          terms.add(variable);
          addString(terms, text.after());
        }
      } else {
        addString(terms, special(template, slot, tokenizer));
      }
    }
    return String.join(" + ", terms);
  }

  private static void addString(List<String> terms, String string) {
    if (!string.isEmpty()) {
      terms.add(jinjaString(string));
    }
  }

  private static String jinjaString(String string) {
    return "'" + string.replace("'", "\\'") + "'";
  }

  /** The format as text of a Go template. */
  private static String goText(
      TemplateDefinition template, Format format, Tokenizer tokenizer, String variable) {
    StringBuilder written = new StringBuilder();
    for (Slot slot : format.slots()) {
      written.append(
          slot instanceof Slot.Text text
              ? text.with("{{ " + variable + " }}")
              : special(template, slot, tokenizer));
    }
    return written.toString();
  }

  private static String special(TemplateDefinition template, Slot slot, Tokenizer tokenizer) {
    if (slot instanceof Slot.Token token) {
      // Neither format can name a token whose text may be tokenized otherwise.
      throw new DataException(
          "template "
              + template.name()
              + ": can't be written as text: expected text slots only, "
              + "got the token \""
              + token.name()
              + "\". Keep the model's own chat template.");
    }
    OptionalInt id = slot == Slot.Special.BOS ? tokenizer.bosId() : tokenizer.eosId();
    return id.isPresent() ? tokenizer.tokenOf(id.getAsInt()) : "";
  }
}
