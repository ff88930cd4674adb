package llmengine.data.template.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import llmengine.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Expected texts are what CPython 3.11 prints for {@code json.dumps(json.loads(text),
 * ensure_ascii=False)}.
 */
class PythonJsonTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{}|{}",
        "[ ]|[]",
        "[1,[2,{}]]|[1, [2, {}]]",
        "{\"b\":1,\"a\":null,\"b\":true}|{\"b\": true, \"a\": null}",
        "123456789012345678901234567890|123456789012345678901234567890",
        "-0|0",
        "-0.0|-0.0",
        "1.50|1.5",
        "100.0|100.0",
        "1e2|100.0",
        "0.0001|0.0001",
        "0.00001|1e-05",
        "1e15|1000000000000000.0",
        "1e16|1e+16",
        "1.25e300|1.25e+300",
        "-3.5E-7|-3.5e-07",
        "5e-324|5e-324",
        "2e-323|2e-323",
        "1e400|Infinity",
        "NaN|NaN",
        "0.1|0.1",
        "123456.789|123456.789",
        "1.7976931348623157e308|1.7976931348623157e+308",
        "\"\\u4f60\\/\\u0001\\t\\u007f\"|\"你/\\u0001\\t\u007f\"",
      })
  void writesAsPythonDoes(String text, String expected) {
    assertThat(PythonJson.write(PythonJson.parse("test", text))).isEqualTo(expected);
  }

  @Test
  void indentsAsPythonDoes() {
    assertThat(PythonJson.write(PythonJson.parse("test", "{\"a\":[1,{}],\"b\":[]}"), 2))
        .isEqualTo("{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
  }

  @Test
  void escapesAllOutsideAsciiIfAsked() {
    StringBuilder out = new StringBuilder();
    PythonJson.string("a\"\u007f\u0080\ud83d\ude42", true, out);
    assertThat(out).hasToString("\"a\\\"\u007f\\u0080\\ud83d\\ude42\"");
  }

  @Test
  void brokenTextIsNamed() {
    for (String text : new String[] {"", " ", "{", "{'a': 1}", "1 2", "\"a\nb\""}) {
      assertThatThrownBy(() -> PythonJson.parse("tools", text))
          .as(text)
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("tools: invalid JSON");
    }
  }
}
