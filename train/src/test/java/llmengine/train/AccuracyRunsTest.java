package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import llmengine.data.process.Example;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.train.checkpoint.JsonFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** compute_accuracy in whole runs. */
class AccuracyRunsTest {

  private static String[] words(String... more) {
    List<String> words =
        new java.util.ArrayList<>(
            List.of("compute_accuracy=true", "eval_dataset=more", "do_eval=true", "max_steps=3"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private static String[] with(String[] words, String more) {
    return Stream.concat(Stream.of(words), Stream.of(more)).toArray(String[]::new);
  }

  @Test
  void accuracyIsThatOfTheWholeLogits(@TempDir Path folder) throws IOException {
    ShortRun tiny = new ShortRun(folder);
    String[] known =
        words("eval_dataset=talk", "max_steps=20", "eval_strategy=steps", "eval_steps=5");
    tiny.run("run", with(known, "plot_loss=true"));
    tiny.run("without", with(known, "compute_accuracy=false"));
    assertThat(tiny.values("run", "eval_accuracy")).hasSize(4);
    assertThat(tiny.values("run", "eval_loss")).isEqualTo(tiny.values("without", "eval_loss"));
    assertThat(tiny.exists("run/training_eval_accuracy.png")).isTrue();
    double[] expected = new double[1];
    try (Backend backend = new VectorBackend()) {
      tiny.open(
          backend,
          tiny.config("x", with(known, "adapter_name_or_path=" + tiny.output("run"))),
          parts -> {
            List<Example> rows = new java.util.ArrayList<>();
            var set = parts.data().eval().values().iterator().next();
            for (int i = 0; i < set.size(); i++) {
              rows.add(set.get(i));
            }
            expected[0] =
                rows.stream().mapToDouble(r -> share(parts.model(), r)).average().orElseThrow();
          });
    }
    assertThat(
            JsonFiles.read(tiny.output("run").resolve("eval_results.json"))
                .path("eval_accuracy")
                .asDouble())
        .isCloseTo(expected[0], within(1e-12))
        .isPositive();
  }

  private static double share(Decoder model, Example row) {
    try (Scope scope = new Scope(model.backend(), "test")) {
      Tape tape = Tape.inference(scope);
      Batch batch =
          Batch.of(scope, row.ids(), row.positions(), Segments.of(new int[] {row.ids().length}));
      Tensor logits = model.logits(tape, model.hidden(tape, batch));
      int labels = 0;
      int right = 0;
      for (int t = 1; t < row.ids().length; t++) {
        if (row.labels()[t] != Example.IGNORED) {
          float[] values = logits.rows(t - 1, t).toFloats();
          int best = 0;
          for (int id = 0; id < values.length; id++) {
            best = values[id] > values[best] ? id : best;
          }
          labels++;
          right += best == row.labels()[t] ? 1 : 0;
        }
      }
      return (double) right / labels;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"use_dft_loss", "use_eaft_loss", "use_asft_loss"})
  void weighedTokensCountAlike(String loss, @TempDir Path folder) throws IOException {
    ShortRun tiny = new ShortRun(folder);
    tiny.run("plain", words("learning_rate=0"));
    tiny.run("weighed", words("learning_rate=0", loss + "=true"));
    assertThat(accuracy(tiny, "weighed")).isEqualTo(accuracy(tiny, "plain")).isPresent();
  }

  private static Optional<Double> accuracy(ShortRun tiny, String run) {
    var value = JsonFiles.read(tiny.output(run).resolve("eval_results.json")).path("eval_accuracy");
    return value.isNumber() ? Optional.of(value.asDouble()) : Optional.empty();
  }

  @Test
  void theBestCheckpointMayBeTheMostAccurate(@TempDir Path folder) throws IOException {
    ShortRun tiny = new ShortRun(folder);
    tiny.run(
        "run",
        words(
            "eval_strategy=steps",
            "eval_steps=1",
            "save_strategy=steps",
            "save_steps=1",
            "load_best_model_at_end=true",
            "metric_for_best_model=accuracy"));
    double best = tiny.values("run", "eval_accuracy").stream().mapToDouble(v -> v).max().orElse(0);
    assertThat(tiny.state("run").path("best_metric").asDouble()).isEqualTo(best);
    assertThat(accuracy(tiny, "run")).hasValue(best);
  }

  @Test
  void whereItHasNoEffectIsSaid(@TempDir Path folder) throws IOException {
    ShortRun tiny = new ShortRun(folder);
    assertThat(tiny.config("x", "compute_accuracy=true").notes())
        .anyMatch(n -> n.contains("compute_accuracy: no effect: the run does not evaluate"));
    assertThat(tiny.config("x", words("stage=pt")).notes())
        .anyMatch(n -> n.contains("compute_accuracy: no effect: it is of stage sft"));
    assertThat(tiny.config("x", words("predict_with_generate=true")).notes())
        .anyMatch(n -> n.contains("compute_accuracy: no effect: predict_with_generate"));
  }
}
