package llmengine.data.template.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Clock;
import llmengine.data.DataException;
import org.junit.jupiter.api.Test;

class FunctionMessageTest {
  private static final WordPair THOUGHT = new WordPair("<think>", "</think>");
  private static final WordPair CALL = new WordPair("<tool_call>", "</tool_call>");
  private static final String JSON = "{\"name\":\"f\",\"arguments\":{\"b\":1,\"a\":\"x\"}}";

  @Test
  void textAroundTheCallStandsInFront() {
    ToolFormat qwen = ToolFormat.named("qwen");
    String call =
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": \"x\"}}\n</tool_call>";
    assertThat(FunctionMessage.write(JSON, qwen, THOUGHT, CALL)).isEqualTo(call);
    assertThat(FunctionMessage.write("<think>t</think>" + JSON, qwen, THOUGHT, CALL))
        .isEqualTo("<think>t</think>" + call);
    assertThat(
            FunctionMessage.write(
                "<think>t</think>I look. <tool_call>" + JSON + "</tool_call>", qwen, THOUGHT, CALL))
        .isEqualTo("<think>t</think>I look. " + call);
  }

  @Test
  void brokenCallsAreNamed() {
    ToolFormat qwen = ToolFormat.named("qwen");
    for (String content :
        new String[] {"", "text", JSON + "x", "[1]", "{\"name\":\"f\"}", "{\"arguments\":{}}"}) {
      assertThatThrownBy(() -> FunctionMessage.write(content, qwen, THOUGHT, CALL))
          .as(content)
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("function message: ");
    }
    String textual = "{\"name\":\"f\",\"arguments\":\"x\"}";
    assertThat(FunctionMessage.write(textual, qwen, null, null)).contains("\"arguments\": \"x\"");
    for (String name :
        new String[] {"qwen3_5", "glm4_moe", "lfm2", "minimax2", "seed_oss", "gemma4"}) {
      assertThatThrownBy(() -> FunctionMessage.write(textual, ToolFormat.named(name), null, null))
          .as(name)
          .isInstanceOf(DataException.class)
          .hasMessageContaining("aren't an object");
    }
  }

  @Test
  void wrappedAndBareToolsAreDescribedAlikeButWhereTheListIsRaw() {
    String bare =
        "{\"name\": \"f\", \"description\": \"d\", \"parameters\": {\"type\": \"object\"}}";
    String wrapped = "{\"type\": \"function\", \"function\": " + bare + "}";
    Clock clock = Clock.systemUTC();
    for (String name : ToolFormat.names()) {
      ToolFormat format = ToolFormat.named(name);
      String ofBare = format.describe("[" + bare + "]", clock);
      String ofWrapped = format.describe("[" + wrapped + "]", clock);
      assertThat(ofWrapped.equals(ofBare)).as(name).isEqualTo(!name.equals("seed_oss"));
      assertThat(format.describe("[]", clock)).as(name).isEmpty();
      assertThatThrownBy(() -> format.describe("[{\"description\": \"d\"}]", clock))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("without a name");
      assertThatThrownBy(() -> format.describe(bare, clock))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("not a list");
    }
  }

  @Test
  void defaultFormatTellsChoicesAndElements() {
    String tools =
        "[{\"name\":\"f\",\"parameters\":{\"properties\":{\"n\":{\"type\":\"integer\","
            + "\"enum\":[1,2]},\"l\":{\"type\":\"array\",\"description\":\"L\","
            + "\"items\":{\"type\":\"string\"}}},\"required\":[\"l\"]}}]";
    assertThat(ToolFormat.named("default").describe(tools, Clock.systemUTC()))
        .contains("  - n (integer): , should be one of [1, 2]\n")
        .contains("  - l (array, required): L, where each item should be string\n");
  }
}
