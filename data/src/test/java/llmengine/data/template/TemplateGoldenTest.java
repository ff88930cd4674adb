package llmengine.data.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.Tokenizer;
import llmengine.data.template.tool.PythonJson;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every recorded conversation of every template: texts, ids, labels, stop words, special ids, Jinja
 * and Ollama text.
 */
class TemplateGoldenTest {
  private static final Clock NEW_YEAR =
      Clock.fixed(Instant.parse("2025-01-01T12:00:00Z"), ZoneOffset.UTC);
  private static final int IGNORED = -100;

  private record Case(
      String template, String name, JsonNode expected, JsonNode conversations, String tools) {
    private static final List<String> THOUGHTS = List.of("<think>\n", "\n</think>\n\n");

    ChatTemplate chatTemplate() {
      ChatTemplate chat = ChatTemplate.named(template).withClock(NEW_YEAR);
      return name.contains("_False_")
          ? chat.withThinking(Thinking.OFF)
          : name.contains("_None_") ? chat.withThinking(Thinking.AS_IN_DATA) : chat;
    }

    boolean masksHistory() {
      return name.endsWith("mask_history");
    }

    List<Message> messages() {
      String conversation =
          name.startsWith("tool_call") || name.equals("single")
              ? name
              : name.contains("_cot") ? "cot" : "multi";
      List<Message> messages = new ArrayList<>();
      var words = TemplateCatalog.named(template).thoughtWords();
      for (JsonNode message : conversations.get(conversation)) {
        String content =
            message
                .get("content")
                .textValue()
                .replace(THOUGHTS.get(0), words.open())
                .replace(THOUGHTS.get(1), words.close());
        String role = message.get("role").textValue().toUpperCase(Locale.ROOT);
        messages.add(new Message(Role.valueOf(role), content));
      }
      return messages;
    }

    String system() {
      return name.equals("multi_system")
          ? "You are a test bot."
          : name.equals("tool_call") ? "Sys." : null;
    }

    String toolList() {
      return name.startsWith("tool_call") ? tools : null;
    }
  }

  @TestFactory
  Stream<DynamicTest> templatesEqualTheReference() {
    return Reference.tests("goldens_templates.json", TemplateGoldenTest::tests);
  }

  private static List<DynamicTest> tests(JsonNode goldens) {
    List<DynamicTest> tests = new ArrayList<>();
    goldens
        .get("cases")
        .properties()
        .forEach(
            template ->
                tests.add(
                    DynamicTest.dynamicTest(
                        template.getKey(),
                        () ->
                            template
                                .getValue()
                                .properties()
                                .forEach(
                                    named ->
                                        check(
                                            new Case(
                                                template.getKey(),
                                                named.getKey(),
                                                named.getValue(),
                                                goldens.get("conversations"),
                                                PythonJson.write(goldens.get("tools"))))))));
    return tests;
  }

  private static void check(Case golden) {
    ChatTemplate template = golden.chatTemplate();
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    String where = golden.template() + "/" + golden.name();
    if (golden.expected().has("error")) {
      checkError(golden, template, tokenizer);
    } else if (golden.name().equals("jinja")) {
      assertThat(template.jinjaTemplate(tokenizer))
          .as(where)
          .isEqualTo(golden.expected().textValue());
    } else if (golden.name().startsWith("ollama")) {
      String text = template.ollamaModelfile(tokenizer).replaceAll("PARAMETER stop .*\n", "");
      assertThat(afterFirstLine(text))
          .as(where)
          .isEqualTo(afterFirstLine(golden.expected().textValue()));
    } else if (golden.name().equals("generation_prompt")) {
      int[] ids =
          template.generationPrompt(
              tokenizer, List.of(new Message(Role.USER, "Hi there")), null, null);
      assertThat(tokenizer.decode(ids, false)).as(where).isEqualTo(golden.expected().textValue());
    } else if (golden.name().startsWith("oneturn")) {
      Turn turn =
          template.encodeOneturn(tokenizer, golden.messages(), golden.system(), golden.toolList());
      assertThat(texts(tokenizer, turn)).as(where).isEqualTo(strings(golden.expected()));
    } else {
      checkTurns(golden, template, tokenizer, where);
    }
  }

  private static void checkError(Case golden, ChatTemplate template, Tokenizer tokenizer) {
    if (golden.name().equals("multi_train_on_prompt")) {
      // The processor refuses this; it learns from the template that it must.
      assertThat(template.efficientEos()).isTrue();
      return;
    }
    assertThatThrownBy(
            () ->
                template.encodeMultiturn(
                    tokenizer, golden.messages(), golden.system(), golden.toolList()))
        .isInstanceOf(DataException.class);
  }

  private static void checkTurns(
      Case golden, ChatTemplate template, Tokenizer tokenizer, String where) {
    JsonNode expected = golden.expected();
    List<Turn> turns =
        template.encodeMultiturn(
            tokenizer,
            golden.messages(),
            golden.system(),
            golden.toolList(),
            golden.masksHistory());
    JsonNode pairs = expected.isArray() ? expected : expected.get("pairs");
    assertThat(turns).as(where).hasSameSizeAs(pairs);
    for (int i = 0; i < turns.size(); i++) {
      assertThat(texts(tokenizer, turns.get(i))).as(where).isEqualTo(strings(pairs.get(i)));
    }
    if (expected.isArray()) {
      return;
    }
    boolean prompts = golden.name().endsWith("train_on_prompt");
    int[][] row = row(turns, template, tokenizer, golden.masksHistory(), prompts);
    if (expected.has("n")) {
      assertThat(row[0]).as(where).hasSize(expected.get("n").intValue());
      int[] learned = IntStream.of(row[1]).filter(id -> id != IGNORED).toArray();
      assertThat(tokenizer.decode(learned, false))
          .as(where)
          .isEqualTo(expected.get("learned").textValue());
    }
    if (expected.has("input_ids")) {
      assertThat(row[0]).as(where).isEqualTo(ints(expected.get("input_ids")));
      assertThat(row[1]).as(where).isEqualTo(ints(expected.get("labels")));
    }
    if (expected.has("special_ids")) {
      expected
          .get("special_ids")
          .properties()
          .forEach(
              token ->
                  assertThat(tokenizer.idOf(token.getKey()))
                      .as(where + " " + token.getKey())
                      .hasValue(token.getValue().intValue()));
      assertThat(tokenizer.vocabSize()).isEqualTo(256 + expected.get("special_ids").size());
      assertThat(tokenizer.tokenOf(tokenizer.eosId().getAsInt()))
          .as(where)
          .isEqualTo(expected.get("eos").textValue());
      assertThat(IntStream.of(template.stopTokenIds(tokenizer)).mapToObj(tokenizer::tokenOf))
          .as(where)
          .containsExactlyInAnyOrderElementsOf(strings(expected.get("stop")));
    }
  }

  /** The row a supervised run makes of the turns when nothing has to be cut: ids, then labels. */
  private static int[][] row(
      List<Turn> turns, ChatTemplate template, Tokenizer tokenizer, boolean mask, boolean prompts) {
    int eos = tokenizer.eosId().getAsInt();
    List<Integer> ids = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    for (int i = 0; i < turns.size(); i++) {
      int[] source = turns.get(i).source();
      // Under mask_history the last turn is visited first.
      int visited = mask ? turns.size() - 1 - i : i;
      for (int t = 0; t < source.length; t++) {
        ids.add(source[t]);
        boolean ends = template.efficientEos() && visited != 0 && t == 0;
        labels.add(prompts ? source[t] : ends ? eos : IGNORED);
      }
      for (int id : turns.get(i).target()) {
        ids.add(id);
        labels.add(mask && visited != 0 ? IGNORED : id);
      }
    }
    if (template.efficientEos()) {
      Collections.addAll(ids, eos);
      Collections.addAll(labels, eos);
    }
    return new int[][] {
      ids.stream().mapToInt(Integer::intValue).toArray(),
      labels.stream().mapToInt(Integer::intValue).toArray()
    };
  }

  private static List<String> texts(Tokenizer tokenizer, Turn turn) {
    return List.of(tokenizer.decode(turn.source(), false), tokenizer.decode(turn.target(), false));
  }

  private static List<String> strings(JsonNode list) {
    List<String> strings = new ArrayList<>();
    list.forEach(element -> strings.add(element.textValue()));
    return strings;
  }

  private static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).intValue()).toArray();
  }

  /** The first line says which program wrote the file. */
  private static String afterFirstLine(String text) {
    return text.substring(text.indexOf('\n'));
  }
}
