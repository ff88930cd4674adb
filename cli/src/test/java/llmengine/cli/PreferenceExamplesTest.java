package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The examples of the preference stages run, and after a few steps good answers stand out; without
 * a reference they only do better than before.
 */
class PreferenceExamplesTest {
  private static final Path EXAMPLES = Path.of("../examples");

  @ParameterizedTest
  @CsvSource({
    "quickstart_reward,eval_accuracy,0.9",
    "quickstart_dpo,eval_rewards/accuracies,0.9",
    "quickstart_orpo,rewards/margins,0",
    "quickstart_simpo,rewards/margins,0",
    "quickstart_kto,rewards/margins,0.01"
  })
  void exampleRuns(String name, String metric, double least, @TempDir Path folder)
      throws Exception {
    StringWriter printed = new StringWriter();
    PrintWriter out = new PrintWriter(printed, true);
    int code =
        Main.run(
            out,
            out,
            "train",
            EXAMPLES + "/" + name + ".yaml",
            "model_name_or_path=" + EXAMPLES + "/quickstart-model/model",
            "dataset_dir=" + EXAMPLES + "/quickstart-data",
            "reference_cache=false",
            "max_steps=20",
            "output_dir=" + folder);
    assertThat(code).as(printed.toString()).isZero();
    assertThat(printed.toString())
        .contains(
            name.equals("quickstart_reward")
                ? "reward_model=" + folder + " reward_model_type=lora"
                : "To chat with it:");
    JsonNode state = new ObjectMapper().readTree(folder.resolve("trainer_state.json").toFile());
    List<Double> values = new ArrayList<>();
    for (JsonNode line : state.path("log_history")) {
      if (line.has(metric)) {
        values.add(line.path(metric).asDouble());
      }
    }
    double before = least == 0 ? values.getFirst() : 0;
    assertThat(values.getLast() - before).as(metric).isGreaterThan(least);
  }
}
