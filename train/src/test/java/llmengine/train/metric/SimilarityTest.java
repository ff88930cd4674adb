package llmengine.train.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Scores as jieba, rouge-chinese and nltk compute them. */
class SimilarityTest {
  static List<JsonNode> pairs() throws IOException {
    List<JsonNode> pairs = new ArrayList<>();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                SimilarityTest.class.getResourceAsStream("scores.jsonl"),
                StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        pairs.add(new ObjectMapper().readTree(line));
      }
    }
    return pairs;
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void scoresEqualTheReference(JsonNode pair) {
    List<String> words = new ArrayList<>();
    pair.path("words").forEach(w -> words.add(w.asText()));
    assertThat(Words.of(pair.path("predict").asText())).isEqualTo(words);
    Similarity similarity = new Similarity();
    similarity.add(pair.path("predict").asText(), pair.path("label").asText());
    similarity
        .means()
        .forEach(
            (name, mean) ->
                assertThat(mean).as(name).isCloseTo(pair.path(name).asDouble(), within(1e-9)));
  }

  @Test
  void meansAreOverTexts() {
    Similarity similarity = new Similarity();
    similarity.add("same text", "same text");
    similarity.add("one", "other");
    assertThat(similarity.means()).containsEntry("rouge-1", 50.0).containsEntry("rouge-l", 50.0);
  }
}
