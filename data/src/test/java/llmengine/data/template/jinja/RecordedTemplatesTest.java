package llmengine.data.template.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import llmengine.data.DataException;
import llmengine.data.template.Reference;
import org.junit.jupiter.api.Test;

/** Renderings equal those that Python's jinja2 gave. */
class RecordedTemplatesTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Clock NOW =
      Clock.fixed(Instant.parse("2026-01-02T03:04:05Z"), ZoneOffset.UTC);

  private static String render(String template, JsonNode variables) {
    try {
      Map<String, Object> values = JSON.convertValue(variables, new TypeReference<>() {});
      return JinjaTemplate.parse("chat_template", template).withClock(NOW).render(values);
    } catch (DataException e) {
      return "!!ERR " + e.getMessage();
    }
  }

  private static JsonNode resource(String name) throws IOException {
    try (InputStream in = RecordedTemplatesTest.class.getResourceAsStream(name)) {
      return JSON.readTree(in);
    }
  }

  @Test
  void expressionsAndStatements() throws IOException {
    JsonNode recorded = resource("expressions.json");
    List<String> wrong = new ArrayList<>();
    for (JsonNode each : recorded.get("cases")) {
      String template = each.get(0).textValue();
      String expected = each.get(1).textValue();
      String got = render(template, recorded.get("variables"));
      boolean same = expected.equals("!!ERR") ? got.startsWith("!!ERR") : got.equals(expected);
      if (!same) {
        wrong.add(template + "\n  expected " + expected + "\n  got      " + got);
      }
    }
    assertThat(recorded.get("cases").size()).isGreaterThan(850);
    assertThat(wrong).isEmpty();
  }

  @Test
  void microSuite() throws IOException {
    Path folder = Reference.folder().resolve("prototypes/jinja");
    assumeTrue(Files.isDirectory(folder), () -> "skipped: " + folder + " is absent");
    JsonNode templates = JSON.readTree(folder.resolve("micro.json").toFile());
    JsonNode expected = JSON.readTree(folder.resolve("micro_ref.json").toFile());
    JsonNode variables =
        JSON.readTree(
            """
            {"messages": [{"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yo"}], "x": "q"}
            """);
    List<String> wrong = new ArrayList<>();
    for (int i = 0; i < templates.size(); i++) {
      String template = templates.get(i).textValue();
      String want = expected.get(i).textValue();
      if (template.startsWith("{% generation")) {
        want = "x"; // recorded without transformers' tag
      } else if (template.equals("{{ f is defined }}")) {
        template = "{{ raise_exception is defined }}"; // f was a function of the recording
      }
      String got = render(template, variables);
      boolean same =
          want.startsWith("!!ERR")
              ? got.startsWith("!!ERR") && got.endsWith(want.substring("!!ERR ".length()))
              : got.equals(want);
      if (!same) {
        wrong.add(template + "\n  expected " + want + "\n  got      " + got);
      }
    }
    assertThat(templates.size()).isEqualTo(86);
    assertThat(wrong).isEmpty();
  }

  @Test
  void checkpointsOwnTemplates() throws IOException {
    Path folder = Reference.folder();
    Path scenarios = folder.resolve("prototypes/jinja/scenarios.json");
    assumeTrue(Files.isReadable(scenarios), () -> "skipped: " + scenarios + " is absent");
    Map<String, String> templates = new TreeMap<>();
    Path smol = folder.resolve("models/SmolLM2-135M-Instruct/tokenizer_config.json");
    if (Files.isReadable(smol)) {
      templates.put("smol", JSON.readTree(smol.toFile()).get("chat_template").textValue());
    }
    // more of them, where somebody has them: a folder of .jinja files
    String more = System.getProperty("ENGINE_TEMPLATES", System.getenv("ENGINE_TEMPLATES"));
    if (more != null) {
      try (var files = Files.list(Path.of(more))) {
        for (Path file : files.toList()) {
          templates.put(file.getFileName().toString(), Files.readString(file));
        }
      }
    }
    assumeTrue(!templates.isEmpty(), "skipped: no checkpoint with a chat_template");
    JsonNode recorded = resource("chat_templates.json").get("templates");
    Map<String, String> wrong = new LinkedHashMap<>();
    int compared = 0;
    for (Map.Entry<String, String> template : templates.entrySet()) {
      JsonNode known = recorded.path(template.getKey());
      if (!known.path("template").asText().equals(hash(template.getValue()))) {
        continue; // another version than the recorded one
      }
      for (var scenario : JSON.readTree(scenarios.toFile()).properties()) {
        String got = render(template.getValue(), scenario.getValue());
        String result = got.startsWith("!!ERR") ? "error" : hash(got);
        compared++;
        if (!known.get(scenario.getKey()).textValue().equals(result)) {
          wrong.put(template.getKey() + " " + scenario.getKey(), got);
        }
      }
    }
    System.out.println("compared " + compared + " renderings of chat templates");
    assertThat(compared).isPositive();
    assertThat(wrong).isEmpty();
  }

  @Test
  void theMachinesLanguageChangesNothing() {
    Locale before = Locale.getDefault();
    String template =
        "{{ strftime_now('%d %m %e %j %H') }} {{ '%e %05d' % (12.5, 42) }} {{ '{:e}'.format(1.5) }}"
            + " {{ 'I'.lower() }} {{ ['é', 1.5] | tojson(ensure_ascii=true) }}";
    JsonNode none = JSON.createObjectNode();
    try {
      Locale.setDefault(Locale.ROOT);
      String expected = render(template, none);
      assertThat(expected).doesNotStartWith("!!ERR");
      for (String tag : List.of("ar-EG-u-nu-arab", "fa-IR", "tr-TR", "hi-IN-u-nu-deva")) {
        Locale.setDefault(Locale.forLanguageTag(tag));
        assertThat(render(template, none)).as(tag).isEqualTo(expected);
      }
    } finally {
      Locale.setDefault(before);
    }
  }

  private static String hash(String text) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      byte[] digest = sha.digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest).substring(0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void errorsNameTheLine() {
    assertThatThrownBy(() -> JinjaTemplate.parse("chat_template", "a\n\n{% if %}"))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("chat_template: line 3: ");
    JinjaTemplate raises =
        JinjaTemplate.parse("chat_template", "a\n{{ raise_exception('no system\nhere') }}");
    assertThatThrownBy(() -> raises.render(Map.of()))
        .isInstanceOf(DataException.class)
        .hasMessage("chat_template: line 2: no system\nhere");
    JinjaTemplate macro =
        JinjaTemplate.parse(
            "chat_template", "{% macro m() %}\n{{ 1 + 'a' }}{% endmacro %}\n{{ m() }}");
    assertThatThrownBy(() -> macro.render(Map.of()))
        .hasMessageStartingWith("chat_template: line 2: ");
    assertThatThrownBy(() -> JinjaTemplate.parse("chat_template", "\n{% for x in y %}"))
        .hasMessageContaining("line 2")
        .hasMessageContaining("endfor");
  }
}
