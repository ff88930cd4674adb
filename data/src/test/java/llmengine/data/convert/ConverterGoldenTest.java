package llmengine.data.convert;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.Columns;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.Formatting;
import llmengine.data.source.Tags;
import llmengine.data.template.Reference;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class ConverterGoldenTest {
  @TestFactory
  Stream<DynamicTest> alignedRowsEqualTheRecordedOnes() {
    var tests = new ArrayList<DynamicTest>();
    for (JsonNode golden : Reference.read("goldens_converters.json")) {
      String name = golden.get("format").asText() + " " + golden.get("label").asText();
      tests.add(DynamicTest.dynamicTest(name, () -> check(golden)));
    }
    return tests.stream();
  }

  private static void check(JsonNode golden) {
    AlignedRow row = Converter.of(spec(golden)).convert(golden.get("example"));
    JsonNode expected = golden.get("output");
    assertThat(row.prompt()).isEqualTo(messages(expected.get("_prompt")));
    assertThat(row.response()).isEqualTo(messages(expected.get("_response")));
    assertThat(row.system()).isEqualTo(expected.get("_system").asText());
    assertThat(row.tools()).isEqualTo(expected.get("_tools").asText());
  }

  private static List<Message> messages(JsonNode list) {
    var messages = new ArrayList<Message>();
    for (JsonNode message : list) {
      Role role = Role.valueOf(message.get("role").asText().toUpperCase(Locale.ROOT));
      messages.add(new Message(role, message.get("content").asText()));
    }
    return messages;
  }

  /** Attributes that a case doesn't set keep their defaults. */
  private static DatasetSpec spec(JsonNode golden) {
    JsonNode a = golden.get("attr");
    Columns c = Columns.DEFAULT;
    Tags t = Tags.DEFAULT;
    return new DatasetSpec(
        "golden",
        Path.of("golden.json"),
        Formatting.valueOf(golden.get("format").asText().toUpperCase(Locale.ROOT)),
        a.path("ranking").asBoolean(false),
        0,
        new Columns(
            or(a, "prompt", c.prompt()),
            or(a, "query", c.query()),
            or(a, "response", c.response()),
            or(a, "history", null),
            or(a, "messages", c.messages()),
            or(a, "system", null),
            or(a, "tools", null),
            null,
            null,
            null,
            or(a, "chosen", null),
            or(a, "rejected", null),
            or(a, "kto_tag", null)),
        true,
        new Tags(
            or(a, "role_tag", t.role()),
            or(a, "content_tag", t.content()),
            or(a, "user_tag", t.user()),
            or(a, "assistant_tag", t.assistant()),
            or(a, "observation_tag", t.observation()),
            or(a, "function_tag", t.function()),
            or(a, "system_tag", t.system())));
  }

  private static String or(JsonNode attributes, String key, String otherwise) {
    return attributes.has(key) ? attributes.get(key).asText(null) : otherwise;
  }
}
