package llmengine.data.template;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class TemplateDefinitionTest {
  private static final Map<String, TemplateDefinition.Kind> KINDS =
      Map.of(
          "Template", TemplateDefinition.Kind.PLAIN,
          "Llama2Template", TemplateDefinition.Kind.LLAMA2,
          "ReasoningTemplate", TemplateDefinition.Kind.REASONING,
          "Glm47ReasoningTemplate", TemplateDefinition.Kind.CLOSED_THOUGHT,
          "MossVLTemplate", TemplateDefinition.Kind.TOOLS_AS_SYSTEM);

  @Test
  void everyDefinitionTakesContentOnceWhereItMust() {
    assertThat(ChatTemplate.names()).hasSize(124).isSorted();
    for (String name : ChatTemplate.names()) {
      TemplateDefinition template = TemplateCatalog.named(name);
      assertThat(placeholders(template.prefix())).as(name).isZero();
      for (Format format :
          List.of(
              template.system(),
              template.user(),
              template.assistant(),
              template.function(),
              template.observation())) {
        assertThat(placeholders(format)).as(name).isEqualTo(1);
        assertThat(format.slots())
            .as(name)
            .noneMatch(TemplateDefinitionTest::namesPlaceholderTwice);
      }
      assertThat(template.replaceEos() && template.stopWords().isEmpty()).as(name).isFalse();
      if (template.kind() == TemplateDefinition.Kind.LLAMA2) {
        assertThat(template.system().text("x")).as(name).contains("x");
      }
    }
  }

  @Test
  void definitionsEqualTheReference() {
    JsonNode reference = Reference.read("templates.json").get("templates");
    List<String> names = new ArrayList<>();
    for (JsonNode json : reference) {
      String name = json.get("name").textValue();
      names.add(name);
      TemplateDefinition ours = TemplateCatalog.named(name);
      assertThat(ours.kind()).as(name).isEqualTo(KINDS.get(json.get("template_class").textValue()));
      assertThat(ours.prefix()).as(name).isEqualTo(format(json.get("format_prefix")));
      assertThat(ours.system()).as(name).isEqualTo(format(json.get("format_system")));
      assertThat(ours.user()).as(name).isEqualTo(format(json.get("format_user")));
      assertThat(ours.assistant()).as(name).isEqualTo(format(json.get("format_assistant")));
      assertThat(ours.function()).as(name).isEqualTo(format(json.get("format_function")));
      assertThat(ours.observation()).as(name).isEqualTo(format(json.get("format_observation")));
      assertThat(ours.tools()).as(name).isEqualTo(format(json.get("format_tools")));
      assertThat(ours.toolFormat())
          .as(name)
          .isEqualTo(json.get("format_function").get("tool_format").textValue());
      assertThat(ours.defaultSystem()).as(name).isEqualTo(json.get("default_system").textValue());
      assertThat(ours.stopWords()).as(name).isEqualTo(strings(json.get("stop_words")));
      assertThat(List.of(ours.thoughtWords().open(), ours.thoughtWords().close()))
          .as(name)
          .isEqualTo(strings(json.get("thought_words")));
      assertThat(List.of(ours.callWords().open(), ours.callWords().close()))
          .as(name)
          .isEqualTo(strings(json.get("tool_call_words")));
      assertThat(ours.efficientEos()).as(name).isEqualTo(json.get("efficient_eos").booleanValue());
      assertThat(ours.replaceEos()).as(name).isEqualTo(json.get("replace_eos").booleanValue());
      assertThat(ours.replaceJinjaTemplate())
          .as(name)
          .isEqualTo(json.get("replace_jinja_template").booleanValue());
    }
    assertThat(ChatTemplate.names()).containsExactlyElementsOf(new TreeSet<>(names));
  }

  private static long placeholders(Format format) {
    return format.slots().stream()
        .filter(slot -> slot instanceof Slot.Text text && text.takesContent())
        .count();
  }

  private static boolean namesPlaceholderTwice(Slot slot) {
    return slot instanceof Slot.Text text && text.after().contains("{{");
  }

  private static Format format(JsonNode json) {
    List<Slot> slots = new ArrayList<>();
    for (JsonNode slot : json.get("slots")) {
      if (slot.isTextual()) {
        slots.add(Slot.Text.of(slot.textValue()));
      } else if (slot.has("token")) {
        slots.add(new Slot.Token(slot.get("token").textValue()));
      } else if (slot.get("special").textValue().equals("bos_token")) {
        slots.add(Slot.Special.BOS);
      } else if (slot.get("special").textValue().equals("eos_token")) {
        slots.add(Slot.Special.EOS);
      }
      // Any other special is one that writes nothing.
    }
    return new Format(slots);
  }

  private static List<String> strings(JsonNode list) {
    List<String> strings = new ArrayList<>();
    list.forEach(element -> strings.add(element.textValue()));
    return strings;
  }
}
