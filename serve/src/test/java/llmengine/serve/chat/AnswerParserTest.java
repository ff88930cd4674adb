package llmengine.serve.chat;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.data.template.tool.FunctionCall;
import llmengine.data.template.tool.ToolFormat;
import llmengine.data.template.tool.WordPair;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class AnswerParserTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final WordPair THINK = new WordPair("<think>\n", "\n</think>\n\n");
  private static final String THOUGHT = "<think>\nhm, a < b\n\n</think>\n\n";
  private static final JsonNode TOOLS =
      json(
          "[{'type':'function','function':{'name':'weather','parameters':{'type':'object',"
              + "'properties':{'city':{'type':'string'},'days':{'type':'integer'},'opt':{'type':"
              + "'object'}}}}},{'type':'function','function':{'name':'now'}}]");
  private static final JsonNode ARGUMENTS =
      json("{'city':'Pa\\\"ris\\n}<','days':3,'opt':{'x':[1,null,'y']}}");

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text.replace('\'', '"'));
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  /** What a client has put together at the end. */
  private record Answer(String content, String reasoning, List<String> calls, String order) {}

  private static Answer parse(CallSyntax syntax, boolean open, String... pieces) {
    AnswerFormat format = new AnswerFormat(Optional.of(THINK), syntax);
    AnswerParser parser = AnswerParser.of(format, TOOLS, open, () -> "id");
    List<ChatEvent> events = new ArrayList<>();
    for (String piece : pieces) {
      events.addAll(parser.add(piece));
    }
    events.addAll(parser.finish());
    StringBuilder content = new StringBuilder();
    StringBuilder reasoning = new StringBuilder();
    StringBuilder order = new StringBuilder();
    List<String> calls = new ArrayList<>();
    for (ChatEvent event : events) {
      String kind =
          switch (event) {
            case ChatEvent.Content c -> {
              content.append(c.text());
              yield "C";
            }
            case ChatEvent.Reasoning r -> {
              reasoning.append(r.text());
              yield "R";
            }
            case ChatEvent.CallBegin b -> {
              calls.add(b.name() + " ");
              yield "B";
            }
            case ChatEvent.CallArguments a -> {
              calls.set(a.index(), calls.get(a.index()) + a.text());
              yield "A";
            }
            case ChatEvent.CallEnd e -> "E";
          };
      if (order.isEmpty() || !order.substring(order.length() - 1).equals(kind)) {
        order.append(kind);
      }
    }
    assertThat(parser.calls()).isEqualTo(calls.size());
    return new Answer(content.toString(), reasoning.toString(), calls, order.toString());
  }

  static Stream<String> formats() {
    return ToolFormat.names().stream();
  }

  private static String written(String name) {
    List<FunctionCall> calls = new ArrayList<>();
    calls.add(new FunctionCall("weather", ARGUMENTS));
    if (!name.equals("glm4")) {
      calls.add(new FunctionCall("now", json("{}")));
    }
    String text = ToolFormat.named(name).calls(calls);
    return name.equals("mistral") ? "[TOOL_CALLS] " + text : text;
  }

  @ParameterizedTest
  @MethodSource("formats")
  void callsOfEveryFormatAreFound(String name) {
    Answer answer = parse(CallSyntax.of(ToolFormat.named(name)), false, THOUGHT + written(name));
    assertThat(answer.content()).isEmpty();
    assertThat(answer.reasoning()).isEqualTo("hm, a < b");
    assertThat(answer.calls()).hasSize(name.equals("glm4") ? 1 : 2);
    String first = answer.calls().getFirst();
    assertThat(first).startsWith("weather ");
    assertThat(json(first.substring("weather ".length()).replace('\'', '?'))).isEqualTo(ARGUMENTS);
    if (answer.calls().size() > 1) {
      assertThat(answer.calls().get(1)).isEqualTo("now {}");
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void thePiecesDoNotMatter(String name) {
    CallSyntax syntax = CallSyntax.of(ToolFormat.named(name));
    for (String before : List.of("", THOUGHT, "Well. \n")) {
      for (String after : List.of("", " \nDone.")) {
        String text = before + written(name) + after;
        Answer whole = parse(syntax, false, text);
        for (int i = 0; i <= text.length(); i++) {
          assertThat(parse(syntax, false, text.substring(0, i), text.substring(i)))
              .as(text.substring(0, i) + "|" + text.substring(i))
              .isEqualTo(whole);
          String cut = text.substring(0, i);
          assertThat(parse(syntax, false, cut.split("")))
              .as(cut)
              .isEqualTo(parse(syntax, false, cut));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CallSyntax.class)
  void whateverAModelWritesThePiecesDoNotMatterAndNoWordIsLost(CallSyntax syntax) {
    Random random = new Random(syntax.ordinal());
    String[] words = {
      "<tool_call>",
      "</tool_call>",
      "\n",
      " ",
      "{",
      "}",
      "[",
      "]",
      "\"name\"",
      ":",
      "\"now\"",
      ",",
      "\"arguments\"",
      "{}",
      "now",
      "weather",
      "(",
      ")",
      "=",
      "<function=",
      ">",
      "<parameter=city>",
      "</parameter>",
      "</function>",
      "[TOOL_CALLS]",
      "Action:",
      "Action Input:",
      "<arg_key>",
      "</arg_key>",
      "<arg_value>",
      "</arg_value>",
      "<|tool_call_start|>",
      "<|tool_call_end|>",
      "<|tool_call>",
      "call:",
      "<tool_call|>",
      "<|\"|>",
      "<think>",
      "</think>",
      "<tool_calls>",
      "<seed:tool_call>",
      "<invoke name=\"",
      "\">",
      "</invoke>",
      "<",
      "word",
      "\"",
      "\\",
      "é"
    };
    for (int round = 0; round < 3000; round++) {
      int length = 1 + random.nextInt(14);
      String[] pieces = new String[length];
      int marked = 0;
      for (int i = 0; i < length; i++) {
        boolean mark = random.nextInt(4) == 0;
        pieces[i] = mark ? "mark" + marked++ : words[random.nextInt(words.length)];
      }
      String text = String.join("", pieces);
      Answer whole = parse(syntax, round % 3 == 0, text);
      assertThat(parse(syntax, round % 3 == 0, pieces)).as(text).isEqualTo(whole);
      assertThat(parse(syntax, round % 3 == 0, text.split(""))).as(text).isEqualTo(whole);
      String all = whole.content() + whole.reasoning() + String.join("", whole.calls());
      for (int i = 0; i < marked; i++) {
        assertThat(all).as(text).contains("mark" + i);
      }
    }
  }

  @Test
  void thoughtsAreToldApart() {
    assertThat(parse(CallSyntax.NONE, false, "<think>\nab\n</think>\n\nc"))
        .isEqualTo(new Answer("c", "ab", List.of(), "RC"));
    assertThat(parse(CallSyntax.NONE, true, "ab</think>c"))
        .isEqualTo(new Answer("c", "ab", List.of(), "RC"));
    assertThat(parse(CallSyntax.NONE, true, "ab")).isEqualTo(new Answer("", "ab", List.of(), "R"));
    assertThat(parse(CallSyntax.NONE, false, "<think>\n\n</think>\n\nc"))
        .isEqualTo(new Answer("c", "", List.of(), "C"));
    assertThat(parse(CallSyntax.NONE, false, "<thing>"))
        .isEqualTo(new Answer("<thing>", "", List.of(), "C"));
  }

  @Test
  void whatIsNoCallIsContent() {
    for (String text :
        List.of(
            "<tool_call>\n{\"nam\": 1}\n</tool_call>",
            "<tool_call>nothing",
            "{\"name\": \"now\", \"arguments\"",
            "a <tool_call",
            "<tool_call>{\"name\": \"now\"}</tool_call>")) {
      assertThat(parse(CallSyntax.QWEN, false, text).content()).isEqualTo(text);
    }
    String json = "{\"name\": \"Alice\", \"parameters\": {}}";
    assertThat(parse(CallSyntax.LLAMA3, false, json).content()).isEqualTo(json);
    assertThat(parse(CallSyntax.GLM4, false, "never\n{}").content()).isEqualTo("never\n{}");
  }

  @Test
  void otherSpellingsAreUnderstood() {
    assertThat(
            parse(
                    CallSyntax.MISTRAL,
                    false,
                    "[TOOL_CALLS]now[ARGS]{}[TOOL_CALLS]weather{\"days\": 1}")
                .calls())
        .containsExactly("now {}", "weather {\"days\": 1}");
    assertThat(
            parse(
                    CallSyntax.QWEN,
                    false,
                    "<tool_call>{\"arguments\": {\"days\":1}, \"name\": \"weather\"}</tool_call>")
                .calls())
        .containsExactly("weather {\"days\":1}");
    assertThat(
            parse(
                    CallSyntax.LLAMA3,
                    false,
                    "<|python_tag|>{\"type\": \"function\", \"name\": \"now\", \"parameters\": {}};"
                        + " {\"name\": \"now\", \"parameters\": {}}")
                .calls())
        .containsExactly("now {}", "now {}");
    assertThat(
            parse(
                    CallSyntax.LFM2,
                    false,
                    "<|tool_call_start|>[weather(city='It\\'s', days=True)]<|tool_call_end|>")
                .calls())
        .containsExactly("weather {\"city\":\"It's\",\"days\":true}");
  }

  @Test
  void aCallThatIsCutOffKeepsItsArguments() {
    Answer answer =
        parse(
            CallSyntax.QWEN,
            false,
            "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Pa");
    assertThat(answer).isEqualTo(new Answer("", "", List.of("weather {\"city\": \"Pa"), "BA"));
  }

  @Test
  void withoutToolsNothingIsACall() {
    AnswerParser parser =
        AnswerParser.of(new AnswerFormat(Optional.empty(), CallSyntax.QWEN), json("[]"), false);
    assertThat(parser.add("<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>"))
        .containsExactly(
            new ChatEvent.Content("<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>"));
  }
}
