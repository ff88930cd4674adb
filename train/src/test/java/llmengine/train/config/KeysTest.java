package llmengine.train.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class KeysTest {

  /** Key of LLaMA-Factory, its default in YAML, and whether a configuration may give it. */
  private record Known(String name, String preset, boolean isKey) {}

  private static List<Known> known() throws IOException {
    try (InputStream in = KeysTest.class.getResourceAsStream("llamafactory-keys.tsv")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t"))
          .map(cells -> new Known(cells[0], cells[1], cells[2].equals("key")))
          .toList();
    }
  }

  @Test
  void everyKeyIsInExactlyOnePlace() throws IOException {
    for (Known key : known()) {
      List<String> places = new ArrayList<>();
      if (Keys.SUPPORTED.containsKey(key.name())) {
        places.add("supported");
      }
      if (NoMeaningKeys.byName().containsKey(key.name())) {
        places.add("no meaning");
      }
      if (LaterKeys.byName().containsKey(key.name())) {
        places.add("later");
      }
      if (Keys.DERIVED.containsKey(key.name())) {
        places.add("derived");
      }
      assertThat(places).as(key.name()).hasSize(1);
      assertThat(places.contains("derived")).as(key.name()).isEqualTo(!key.isKey());
    }
  }

  @Test
  void whatIsNotLlamaFactorysIsMarkedAsOurs() throws IOException {
    List<String> theirs = known().stream().map(Known::name).toList();
    assertThat(Keys.SUPPORTED.values())
        .allSatisfy(
            spec ->
                assertThat(spec.key().own())
                    .as(spec.name())
                    .isNotEqualTo(theirs.contains(spec.name())));
    assertThat(NoMeaningKeys.byName().keySet()).isSubsetOf(theirs);
  }

  @Test
  void defaultsAreLlamaFactorys() throws IOException {
    for (Known key : known()) {
      KeySpec spec = Keys.SUPPORTED.get(key.name());
      if (spec != null) {
        String preset = spec.key().preset();
        if (Text.number(key.preset()).isPresent()) {
          assertThat(Double.parseDouble(preset))
              .as(key.name())
              .isCloseTo(Double.parseDouble(key.preset()), within(0.0));
        } else {
          boolean isNull = preset.equals("[]") || preset.equals("{}");
          assertThat(isNull ? "null" : preset).as(key.name()).isEqualTo(key.preset());
        }
        if (!spec.key().required()) {
          assertThat(Coercion.preset(spec)).as(key.name()).isNotNull();
        }
      } else if (LaterKeys.byName().containsKey(key.name())) {
        assertThat(LaterKeys.byName().get(key.name()).preset())
            .as(key.name())
            .isEqualTo(key.preset());
      }
    }
  }

  @Test
  void theListOfKeysIsThatOfTheReference() throws IOException {
    Path reference = Shared.folder().resolve("reference/llamafactory/arguments.json");
    assumeTrue(Files.exists(reference), "no " + reference);
    Map<String, String> theirs = new TreeMap<>();
    for (JsonNode argument : new ObjectMapper().readTree(reference.toFile()).get("arguments")) {
      JsonNode preset = argument.path("default");
      theirs.putIfAbsent(
          argument.get("name").asText(), preset.isMissingNode() ? "null" : preset.asText());
    }
    Map<String, String> ours = new TreeMap<>();
    known().forEach(key -> ours.put(key.name(), key.preset()));
    assertThat(ours.keySet()).isEqualTo(theirs.keySet());
    theirs.forEach(
        (name, preset) -> {
          if (Text.number(preset).isPresent()) {
            assertThat(Double.valueOf(ours.get(name))).as(name).isEqualTo(Double.valueOf(preset));
          } else {
            assertThat(ours.get(name)).as(name).isEqualTo(preset);
          }
        });
  }

  @Test
  void choicesAreLlamaFactorys() throws IOException {
    Path reference = Shared.folder().resolve("reference/llamafactory/arguments.json");
    assumeTrue(Files.exists(reference), "no " + reference);
    for (JsonNode argument : new ObjectMapper().readTree(reference.toFile()).get("arguments")) {
      KeySpec spec = Keys.SUPPORTED.get(argument.get("name").asText());
      if (spec != null
          && argument.path("choices").isArray()
          && !argument.get("choices").isEmpty()) {
        List<String> ours = new ArrayList<>(spec.choices());
        ours.addAll(List.of(spec.key().later()));
        argument
            .get("choices")
            .forEach(choice -> assertThat(ours).as(spec.name()).contains(choice.asText()));
      }
    }
  }
}
