package llmengine.data.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.Set;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.Columns;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.Formatting;
import llmengine.data.source.Tags;
import org.junit.jupiter.api.Test;

class ConverterTest {
  private static final Tags OPENAI =
      new Tags("role", "content", "user", "assistant", "tool", "function_call", "system");

  private static DatasetSpec spec(Formatting formatting, Tags tags, String tools) {
    Columns c = Columns.DEFAULT;
    var columns =
        new Columns(
            c.prompt(),
            c.query(),
            c.response(),
            "history",
            c.messages(),
            null,
            tools,
            null,
            null,
            null,
            null,
            null,
            null);
    return new DatasetSpec("d", Path.of("d.json"), formatting, false, 0, columns, true, tags);
  }

  private static AlignedRow convert(DatasetSpec spec, String json) {
    try {
      return Converter.of(spec).convert(new ObjectMapper().readTree(json));
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void callArgumentsGivenAsJsonTextAreUnwrapped() {
    AlignedRow row =
        convert(
            spec(Formatting.OPENAI, OPENAI, "tools"),
            """
            {"tools": "[]", "conversations": [
              {"role": "system", "content": "S"},
              {"role": "user", "content": "a"},
              {"role": "assistant", "content": null, "tool_calls": [
                {"id": "1", "type": "function",
                 "function": {"name": "f", "arguments": "{\\"x\\": 1.50}"}},
                {"function": {"name": "g", "arguments": "not json"}}]},
              {"role": "tool", "content": "r"},
              {"role": "assistant", "content": "done"}]}
            """);
    assertThat(row.prompt().get(1))
        .isEqualTo(
            new Message(
                Role.FUNCTION,
                "[{\"name\": \"f\", \"arguments\": {\"x\": 1.5}}, "
                    + "{\"name\": \"g\", \"arguments\": \"not json\"}]"));
    assertThat(row.prompt().get(2)).isEqualTo(new Message(Role.OBSERVATION, "r"));
    assertThat(row.system()).isEqualTo("S\n");
  }

  @Test
  void conversationsThatCannotBeUsedAreEmptied() {
    var sharegpt = spec(Formatting.SHAREGPT, Tags.DEFAULT, null);
    for (String messages :
        new String[] {
          "null",
          "[]",
          "[{\"from\": \"human\", \"value\": \"q\"}]",
          "[{\"from\": \"human\", \"value\": \"q\"}, {\"from\": \"human\", \"value\": \"q\"}]",
          "[{\"from\": \"human\", \"value\": \"q\"}, {\"from\": \"robot\", \"value\": \"a\"}]",
          "[{\"from\": \"human\", \"value\": \"q\"}, {\"from\": \"gpt\", \"value\": null}]",
          "[{\"value\": \"q\"}, {\"from\": \"gpt\", \"value\": \"a\"}]",
          "[{\"from\": \"gpt\", \"value\": \"a\"}, {\"from\": \"human\", \"value\": \"q\"}]"
        }) {
      AlignedRow row = convert(sharegpt, "{\"conversations\": " + messages + "}");
      assertThat(row.prompt()).as(messages).isEmpty();
      assertThat(row.response()).as(messages).isEmpty();
    }
  }

  @Test
  void toolsGivenAsAListAreWrittenAsPythonWritesThem() {
    AlignedRow row =
        convert(
            spec(Formatting.ALPACA, Tags.DEFAULT, "tools"),
            "{\"instruction\":\"q\",\"output\":\"a\",\"tools\":[{\"name\":\"é\",\"n\":[1,2]}]}");
    assertThat(row.tools()).isEqualTo("[{\"name\": \"é\", \"n\": [1, 2]}]");
  }

  @Test
  void valuesOfImpossibleTypesAreErrors() {
    var alpaca = spec(Formatting.ALPACA, Tags.DEFAULT, null);
    assertThatThrownBy(() -> convert(alpaca, "{\"instruction\": [\"q\"], \"output\": \"a\"}"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("column \"instruction\": expected text, got array");
    assertThatThrownBy(
            () -> convert(alpaca, "{\"instruction\": \"q\", \"history\": [[\"only one\"]]}"))
        .hasMessageContaining("expected pairs of texts");
    assertThatThrownBy(
            () ->
                convert(
                    spec(Formatting.SHAREGPT, Tags.DEFAULT, null), "{\"conversations\": \"x\"}"))
        .hasMessageContaining("expected a list of messages, got string");
  }

  @Test
  void declaredColumnsMustExist() {
    var alpaca = spec(Formatting.ALPACA, Tags.DEFAULT, "tools");
    Set<String> all = Set.of("instruction", "input", "output", "history", "tools");
    Converter.checkColumns(alpaca, all, true);
    assertThatThrownBy(
            () -> Converter.checkColumns(alpaca, Set.of("instruction", "input", "output"), true))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("\"history\" (history)");
    var plain =
        new DatasetSpec(
            "d",
            Path.of("d.json"),
            Formatting.ALPACA,
            false,
            0,
            Columns.DEFAULT,
            false,
            Tags.DEFAULT);
    Converter.checkColumns(plain, Set.of("instruction", "output"), true);
    Converter.checkColumns(plain, Set.of("instruction"), false);
    assertThatThrownBy(() -> Converter.checkColumns(plain, Set.of("instruction"), true))
        .hasMessageContaining("\"output\" (response)");
  }
}
