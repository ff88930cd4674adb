package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.ConfigException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PredictionTest {
  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
  }

  @Test
  void answersEveryPromptWhateverTheBatch() throws IOException {
    String[] predict = {
      "do_train=false",
      "do_predict=true",
      "predict_with_generate=true",
      "eval_dataset=more",
      "max_new_tokens=8",
      "do_sample=false"
    };
    tiny.run("one", with(predict, "per_device_eval_batch_size=1"));
    tiny.run("many", with(predict, "per_device_eval_batch_size=4"));
    Path file = tiny.output("one").resolve("generated_predictions.jsonl");
    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(5);
    assertThat(tiny.output("many").resolve("generated_predictions.jsonl"))
        .hasSameTextualContentAs(file);
    List<String> rows = Files.readAllLines(tiny.data.resolve("more.jsonl"));
    for (int i = 0; i < rows.size(); i++) {
      JsonNode line = new ObjectMapper().readTree(lines.get(i));
      JsonNode row = new ObjectMapper().readTree(rows.get(i));
      assertThat(line.path("prompt").asText())
          .contains("<|im_start|>user", row.path("instruction").asText());
      assertThat(line.path("label").asText().strip()).isEqualTo(row.path("output").asText());
      assertThat(line.has("predict")).isTrue();
    }
    JsonNode results = JsonFiles.read(tiny.output("one").resolve("predict_results.json"));
    for (String name : List.of("rouge-1", "rouge-2", "rouge-l", "bleu-4", "runtime")) {
      assertThat(results.path("predict_" + name).isNumber()).as(name).isTrue();
    }
  }

  @Test
  void evaluationsCompareGeneratedAnswersAndChooseTheBest() throws IOException {
    tiny.run(
        "run",
        "max_steps=2",
        "eval_strategy=steps",
        "eval_steps=1",
        "save_strategy=steps",
        "save_steps=1",
        "eval_dataset=more",
        "predict_with_generate=true",
        "max_new_tokens=4",
        "load_best_model_at_end=true",
        "metric_for_best_model=rouge-l");
    assertThat(tiny.values("run", "eval_rouge-l")).hasSize(2);
    assertThat(tiny.values("run", "eval_loss")).isEmpty();
  }

  @Test
  void whatCannotBePredictedIsRefused() {
    refused("predict_with_generate", "do_predict=true", "eval_dataset=more");
    refused("predict_with_generate", "predict_with_generate=true", "stage=pt");
    refused(
        "no such metric",
        "predict_with_generate=true",
        "eval_dataset=more",
        "eval_strategy=steps",
        "metric_for_best_model=loss");
    refused("nothing to evaluate", "do_predict=true", "predict_with_generate=true");
  }

  private void refused(String part, String... words) {
    assertThatThrownBy(() -> tiny.run("x", words))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(part);
  }

  private static String[] with(String[] words, String more) {
    String[] all = java.util.Arrays.copyOf(words, words.length + 1);
    all[words.length] = more;
    return all;
  }
}
