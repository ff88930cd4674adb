package llmengine.serve.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.stream.Stream;
import llmengine.data.template.tool.FunctionCall;
import llmengine.data.template.tool.ToolFormat;
import llmengine.data.template.tool.WordPair;
import llmengine.serve.chat.CallSyntax;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ToolGrammarTest {
  private static final JsonNode TOOLS =
      GrammarTest.json(
          "[{'type':'function','function':{'name':'weather','parameters':{'type':'object',"
              + "'properties':{'city':{'type':'string'},'days':{'type':'integer'},'kind':{'type':"
              + "'string','enum':['a','b']}},'required':['city']}}},"
              + "{'type':'function','function':{'name':'now'}}]");
  private static final FunctionCall WEATHER =
      new FunctionCall("weather", GrammarTest.json("{'city':'Pa\\\"ris\\n}<','days':3}"));
  private static final FunctionCall NOW = new FunctionCall("now", GrammarTest.json("{}"));

  static Stream<String> formats() {
    return ToolFormat.names().stream();
  }

  private static String written(String name, FunctionCall... calls) {
    String text = ToolFormat.named(name).calls(List.of(calls)).stripLeading();
    return name.equals("mistral") ? "[TOOL_CALLS] " + text : text;
  }

  @ParameterizedTest
  @MethodSource("formats")
  void callsAsTheFormatWritesThemAreAllowedAndNothingElse(String name) {
    CallSyntax syntax = CallSyntax.of(ToolFormat.named(name));
    Grammar several = Grammar.toolCalls(syntax, TOOLS, true);
    Grammar one = Grammar.toolCalls(syntax, TOOLS, false);
    assertThat(one.matches(written(name, WEATHER))).isTrue();
    assertThat(one.matches(written(name, NOW))).isTrue();
    assertThat(several.matches(written(name, WEATHER))).isTrue();
    if (!name.equals("glm4")) {
      assertThat(several.matches(written(name, WEATHER, NOW))).isTrue();
      assertThat(one.matches(written(name, WEATHER, NOW))).isFalse();
    }
    for (FunctionCall wrong :
        List.of(
            new FunctionCall("weather", GrammarTest.json("{'city':'x','days':'3a'}")),
            new FunctionCall("weather", GrammarTest.json("{'days':3}")),
            new FunctionCall("weather", GrammarTest.json("{'city':'x','kind':'c'}")),
            new FunctionCall("whether", GrammarTest.json("{'city':'x'}")))) {
      assertThat(several.matches(written(name, wrong))).as(wrong.toString()).isFalse();
    }
    Grammar thinking = one.afterThought(new WordPair("<think>\n", "\n</think>\n\n"), true);
    assertThat(thinking.matches("a </think\n</think>\n\n" + written(name, NOW))).isTrue();
    assertThat(thinking.matches(written(name, NOW))).isFalse();
  }

  @Test
  void aToolThatCannotBeHeldToIsAnError() {
    JsonNode tools =
        GrammarTest.json(
            "[{'function':{'name':'f','parameters':{'type':'object','properties':{'a':{'not':{}}}}}}]");
    assertThatThrownBy(() -> Grammar.toolCalls(CallSyntax.QWEN, tools, true))
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining("not");
    assertThatThrownBy(() -> Grammar.toolCalls(CallSyntax.NONE, TOOLS, true))
        .isInstanceOf(GrammarException.class);
  }
}
