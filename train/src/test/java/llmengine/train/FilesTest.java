package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.train.callback.TrainerLog;
import llmengine.train.checkpoint.AtomicFolder;
import llmengine.train.checkpoint.Checkpoints;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.ConfigException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * When checkpoints, evaluations and log lines are due, what they say, and what is never touched.
 */
class FilesTest {
  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
  }

  private List<String> checkpoints(String name) {
    return Checkpoints.in(tiny.output(name)).stream().map(p -> p.getFileName().toString()).toList();
  }

  private JsonNode results(String name, String file) {
    return JsonFiles.read(tiny.output(name).resolve(file));
  }

  @Test
  void foreignFoldersAreNeitherTrainedOverNorDeleted() throws IOException {
    Path foreign = Files.createDirectories(tiny.output("run").resolve("checkpoint-9"));
    Files.writeString(foreign.resolve("notes.txt"), "mine");
    assertRefused("checkpoint-9", "max_steps=1");
    assertRefused("checkpoint-9", "max_steps=1", "resume_from_checkpoint=false");
    assertThat(foreign.resolve("notes.txt")).hasContent("mine");
    tiny.run("run", "max_steps=1", "overwrite_output_dir=true");
    assertThat(foreign).doesNotExist();
  }

  @Test
  void startingAnewNeedsPermissionToOverwrite() {
    String[] words = {"max_steps=2", "save_strategy=steps", "save_steps=1"};
    tiny.run("run", words);
    assertRefused("checkpoint-1", LawsTest.with(words, "resume_from_checkpoint=false"));
    assertThat(checkpoints("run")).containsExactly("checkpoint-1", "checkpoint-2");
    tiny.run("run", "max_steps=1", "overwrite_output_dir=true");
    assertThat(checkpoints("run")).isEmpty();
    assertThat(tiny.values("run", "loss")).hasSize(1);
  }

  private void assertRefused(String what, String... words) {
    assertThatThrownBy(() -> tiny.run("run", words))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("output_dir")
        .hasMessageContaining("expected an empty folder")
        .hasMessageContaining(what)
        .hasMessageContaining("overwrite_output_dir");
  }

  @Test
  void theBestCheckpointIsLoadedAtTheEndAndOutlivesTheLimit() throws IOException {
    // a learning rate that rises until the model is spoilt: the best is an early one
    tiny.run(
        "run",
        "max_steps=6",
        "save_strategy=steps",
        "save_steps=1",
        "eval_strategy=steps",
        "eval_steps=1",
        "eval_dataset=more",
        "learning_rate=3.0",
        "lr_scheduler_type=constant_with_warmup",
        "warmup_steps=100",
        "save_total_limit=2",
        "load_best_model_at_end=true");
    JsonNode state = tiny.state("run");
    int best = state.path("best_global_step").asInt();
    List<Double> losses = tiny.values("run", "eval_loss");
    assertThat(state.path("best_metric").asDouble()).isEqualTo(losses.get(best - 1));
    // the last loss is that of the loaded model: not in this log, but in the results
    assertThat(results("run", "eval_results.json").path("eval_loss").asDouble())
        .isEqualTo(losses.get(best - 1));
    assertThat(losses.get(best - 1)).isEqualTo(losses.stream().mapToDouble(d -> d).min().orElse(0));
    assertThat(checkpoints("run")).contains("checkpoint-" + best, "checkpoint-6");
    assertThat(checkpoints("run")).hasSizeLessThanOrEqualTo(2);
    assertThat(tiny.output("run").resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(
            tiny.output("run").resolve("checkpoint-" + best + "/adapter_model.safetensors"));
  }

  @Test
  void aRunThatWasMovedKeepsItsBestCheckpoint() throws IOException {
    String[] words = {
      "save_strategy=steps",
      "save_steps=1",
      "eval_strategy=steps",
      "eval_steps=1",
      "eval_dataset=more",
      "save_total_limit=1",
      "load_best_model_at_end=true",
      "greater_is_better=true",
      "max_steps=4",
      "learning_rate=0.05"
    };
    tiny.run(ShortRun.after(2), "old", words);
    Files.move(tiny.output("old"), tiny.output("new"));
    tiny.run("new", words);
    assertThat(tiny.state("new").path("best_model_checkpoint").asText())
        .startsWith(tiny.output("new").toString());
  }

  @Test
  void epochsAndIntervals() {
    // eleven rows, two a step: six steps an epoch
    tiny.run(
        "run",
        "num_train_epochs=1.5",
        "logging_strategy=epoch",
        "logging_first_step=true",
        "save_strategy=epoch",
        "eval_strategy=epoch",
        "eval_dataset=talk,more",
        "eval_on_each_dataset=true",
        "include_num_input_tokens_seen=true");
    JsonNode state = tiny.state("run");
    assertThat(state.path("global_step").asInt()).isEqualTo(9);
    assertThat(checkpoints("run")).containsExactly("checkpoint-6");
    List<Integer> logged = new ArrayList<>();
    List<Integer> evaluated = new ArrayList<>();
    for (JsonNode line : state.path("log_history")) {
      int step = line.path("step").asInt();
      if (line.has("loss")) {
        logged.add(step);
        assertThat(line.path("num_input_tokens_seen").asLong()).isPositive();
      }
      if (line.has("eval_talk_loss")) {
        evaluated.add(step);
      }
    }
    assertThat(logged).containsExactly(1, 6);
    assertThat(evaluated).containsExactly(6);
    assertThat(results("run", "eval_results.json").has("eval_more_loss")).isTrue();
    assertThat(results("run", "train_results.json").path("total_flos").asDouble()).isPositive();
  }

  @Test
  void operationsAreSixForEachTokenAndWeightAdaptersIncluded() {
    // per layer: q 32x32, k and v 16x32, o 32x32, gate and up 48x32, down 32x48, two norms; a last
    // norm
    long base = 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 2 * 32) + 32;
    long adapters = 2 * 8 * (2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 48));
    assertThat(weightsPerToken("full")).isEqualTo(base);
    assertThat(weightsPerToken("lora")).isEqualTo(base + adapters);
  }

  private double weightsPerToken(String method) {
    tiny.run(method, "max_steps=2", "finetuning_type=" + method, "lora_rank=8");
    JsonNode state = tiny.state(method);
    return state.path("total_flos").asDouble() / 6 / state.path("num_input_tokens_seen").asLong();
  }

  @Test
  void theSchedulerThatFollowsTheMetricResumes() {
    String[] words = {
      "max_steps=6",
      "lr_scheduler_type=reduce_lr_on_plateau",
      "eval_strategy=steps",
      "eval_steps=1",
      "eval_dataset=more",
      "greater_is_better=true",
      "metric_for_best_model=loss",
      "learning_rate=0.02",
      "lr_scheduler_kwargs={\"patience\": 0, \"factor\": 0.5, \"threshold\": 0.9}",
      "include_effective_tokens_per_second=true"
    };
    tiny.run("whole", words);
    List<Double> rates = tiny.values("whole", "learning_rate");
    assertThat(rates.getLast()).isLessThan(rates.getFirst());
    assertThat(results("whole", "train_results.json").path("effective_tokens_per_sec").asDouble())
        .isPositive();
    tiny.run(ShortRun.after(4), "stopped", words);
    tiny.run("stopped", words);
    assertThat(tiny.log("stopped")).isEqualTo(tiny.log("whole"));
  }

  @Test
  void aFailureOfAnyKindWhileSavingLeavesTheOldCheckpointWhole() throws IOException {
    Path target = folder.resolve("checkpoint-1");
    AtomicFolder.write(target, f -> Files.writeString(f.resolve("weights"), "old"));
    for (Exception bad :
        List.of(
            new IOException("No space left on device"),
            new java.io.UncheckedIOException(new IOException("No space left on device")),
            new IllegalStateException("No space left on device"))) {
      assertThatThrownBy(
              () ->
                  AtomicFolder.write(
                      target,
                      f -> {
                        Files.writeString(f.resolve("weights"), "half");
                        if (bad instanceof RuntimeException r) {
                          throw r;
                        }
                        throw (IOException) bad;
                      }))
          .hasMessageContaining("No space left on device");
      assertThat(target.resolve("weights")).hasContent("old");
    }
    AtomicFolder.write(target, f -> Files.writeString(f.resolve("weights"), "new"));
    assertThat(target.resolve("weights")).hasContent("new");
    try (var left = Files.list(folder)) {
      assertThat(left.map(p -> p.getFileName().toString()).filter(n -> n.contains("checkpoint")))
          .containsExactly("checkpoint-1");
    }
  }

  @Test
  void theLogGoesOnAfterTheLastStepThatIsKept() throws IOException {
    Path file = folder.resolve("trainer_log.jsonl");
    String kept = "{\"current_steps\":2,\"loss\":1.0}\n";
    Files.writeString(file, kept + "{\"current_steps\":3,\"loss\":0.9}\n{\"current_steps\":2,\"lo");
    new TrainerLog(file, 2);
    assertThat(file).hasContent(kept);
    new TrainerLog(file, 0);
    assertThat(file).doesNotExist();
  }

  @Test
  void evaluationRowsWithoutLabelsDoNotCount() throws IOException {
    String bare = "{\"instruction\": \"who?\", \"input\": \"\", \"output\": \"%s\"}\n";
    Files.writeString(tiny.data.resolve("more.jsonl"), bare.formatted("ab").repeat(2));
    tiny.run("run", "do_train=false", "do_eval=true", "eval_dataset=more");
    assertThat(results("run", "eval_results.json").path("eval_loss").asDouble()).isPositive();
  }

  @Test
  void aCheckpointWithoutAWeightOrWithNaNIsNamed() throws IOException {
    Path weights = tiny.model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    byte[] poisoned = bytes.clone();
    for (int i = poisoned.length - 4; i < poisoned.length; i++) {
      poisoned[i] = (byte) 0xff; // a NaN
    }
    Files.write(weights, poisoned);
    assertThatThrownBy(() -> tiny.run("run", "max_steps=2", "save_strategy=steps", "save_steps=1"))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("step 1");
    assertThat(checkpoints("run")).isEmpty();
    assertThatThrownBy(
            () -> tiny.run("eval", "do_train=false", "do_eval=true", "eval_dataset=more"))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected a finite loss");
    Files.delete(weights);
    assertThatThrownBy(() -> tiny.run("run", "max_steps=1"))
        .hasMessageContaining("expected")
        .hasMessageContaining("safetensors");
  }

  @Test
  void aTemplateMustBeNamedWhereTheCheckpointHasItsOwn() {
    assertThatThrownBy(() -> tiny.run("run", "template=null", "max_steps=1"))
        .isInstanceOf(llmengine.train.config.ConfigException.class)
        .hasMessageContaining("template: missing: expected")
        .hasMessageContaining("chatml");
  }

  @Test
  void aTokenizerLargerThanTheModelIsRefused() throws IOException {
    ShortRun small = new ShortRun(folder.resolve("small"), 260, 32);
    assertThatThrownBy(() -> small.run("run", "max_steps=1"))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected at most 260");
  }
}
