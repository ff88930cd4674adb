package llmengine.data.template.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import llmengine.data.DataException;
import llmengine.data.template.Reference;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Each tool format's description of a tool, one call and two calls against LLaMA-Factory's. */
class ToolGoldenTest {
  private static final Clock NEW_YEAR =
      Clock.fixed(Instant.parse("2025-01-01T12:00:00Z"), ZoneOffset.UTC);
  private static final String FIRST =
      "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"n\": 3, \"ok\": true, "
          + "\"tags\": [\"a\", \"b\"], \"o\": {\"k\": null}}}";
  private static final String SECOND = "{\"name\": \"f2\", \"arguments\": {\"q\": \"你好\"}}";

  @TestFactory
  Stream<DynamicTest> formatsEqualTheReference() {
    return Reference.tests("goldens_tools.json", ToolGoldenTest::tests);
  }

  private static List<DynamicTest> tests(JsonNode goldens) {
    String tools = Reference.read("goldens_templates.json").get("tools").toString();
    List<DynamicTest> tests = new ArrayList<>();
    goldens
        .properties()
        .forEach(
            golden ->
                tests.add(
                    DynamicTest.dynamicTest(
                        golden.getKey(), () -> check(golden.getKey(), golden.getValue(), tools))));
    return tests;
  }

  private static void check(String name, JsonNode golden, String tools) {
    ToolFormat format = ToolFormat.named(name);
    assertThat(format.describe(tools, NEW_YEAR))
        .isEqualTo(golden.get("tool_formatter").textValue());
    assertThat(FunctionMessage.write(FIRST, format, null, null))
        .isEqualTo(golden.get("one").get("text").textValue());
    String both = "[" + FIRST + ", " + SECOND + "]";
    if (golden.get("two").isTextual()) {
      assertThatThrownBy(() -> FunctionMessage.write(both, format, null, null))
          .isInstanceOf(DataException.class);
    } else {
      assertThat(FunctionMessage.write(both, format, null, null))
          .isEqualTo(golden.get("two").get("text").textValue());
    }
  }
}
