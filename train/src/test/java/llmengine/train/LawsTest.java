package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.Collator;
import llmengine.data.process.Example;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Parameter;
import llmengine.train.stage.CausalLm;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What holds for every run, whatever its numbers. */
class LawsTest {
  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
  }

  private void close(String one, String other, String... keys) {
    for (String key : keys) {
      List<Double> expected = tiny.values(one, key);
      List<Double> got = tiny.values(other, key);
      assertThat(got).hasSameSizeAs(expected).isNotEmpty();
      for (int i = 0; i < got.size(); i++) {
        assertThat(got.get(i))
            .as(key + " " + i)
            .isCloseTo(expected.get(i), Percentage.withPercentage(0.05));
      }
    }
  }

  @Test
  void accumulationIsALargerBatch() {
    String[] words = {"max_steps=2", "accumulation_divides_gradients=false", "lora_dropout=0.3"};
    tiny.run("large", with(words, "per_device_train_batch_size=8"));
    tiny.run(
        "small", with(words, "per_device_train_batch_size=1", "gradient_accumulation_steps=8"));
    close("large", "small", "loss", "grad_norm");
  }

  @Test
  void packedRowsCountAsIfAlone() {
    tiny.run("rows", "max_steps=1", "per_device_train_batch_size=16");
    tiny.run("packed", "max_steps=1", "per_device_train_batch_size=16", "neat_packing=true");
    close("rows", "packed", "loss", "grad_norm");
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora", "full"})
  void recomputingChangesNoBit(String method) throws IOException {
    String[] words = {"max_steps=3", "finetuning_type=" + method, "max_grad_norm=1.0"};
    tiny.run("recomputed", words);
    tiny.run("kept", with(words, "disable_gradient_checkpointing=true"));
    assertThat(tiny.weights("kept").equals(tiny.weights("recomputed"))).isTrue();
    assertThat(tiny.log("kept")).isEqualTo(tiny.log("recomputed"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora", "freeze", "full"})
  void onlyTrainedWeightsMoveAndAllMemoryComesBack(String method) throws IOException {
    Backend backend = new VectorBackend();
    List<Long> taken = new ArrayList<>();
    var config =
        tiny.config(
            "run",
            "finetuning_type=" + method,
            "freeze_trainable_layers=1",
            "max_steps=14",
            "per_device_train_batch_size=11");
    tiny.open(
        backend,
        config,
        parts -> {
          Map<String, float[]> before = new LinkedHashMap<>();
          parts.model().parameters().forEach((n, p) -> before.put(n, p.value().toFloats()));
          OutputFolder.prepare(config.outputDir());
          try (Scope scope = new Scope(backend, "optimizer")) {
            new TrainingJob(
                    config,
                    new PrintStream(OutputStream.nullOutputStream()),
                    () -> {
                      taken.add(backend.memory().systemAllocations());
                      return false;
                    },
                    parts.session(),
                    parts.data(),
                    parts.model(),
                    parts.method(),
                    new Stages(config, parts.session(), parts.model(), parts.method())
                        .objective(parts.data().train(), Optional.empty()),
                    scope)
                .run(Optional.empty());
          }
          int moved = 0;
          for (Parameter p : parts.model().parameters().values()) {
            boolean same = java.util.Arrays.equals(before.get(p.name()), p.value().toFloats());
            assertThat(same || p.isTrainable()).as(p.name()).isTrue();
            moved += same ? 0 : 1;
          }
          assertThat(moved > 0).isEqualTo(!method.equals("lora"));
        });
    assertThat(taken).hasSize(14);
    assertThat(taken.subList(4, 14)).as("buffers taken from the system").containsOnly(taken.get(4));
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  @Test
  void concatenatedRowsAreEachRowAlone() throws IOException {
    try (Backend backend = new VectorBackend()) {
      tiny.open(
          backend,
          tiny.config("run"),
          parts -> {
            CausalLm objective = new CausalLm(parts.model(), 1, false);
            List<Example> rows = new ArrayList<>();
            double sum = 0;
            for (int i = 0; i < parts.data().train().size(); i++) {
              Example row = parts.data().train().get(i);
              rows.add(row);
              sum += objective.loss(Collator.collate(List.of(row), new int[] {i}));
            }
            double together = objective.loss(Collator.collate(rows, new int[rows.size()]));
            assertThat(together).isCloseTo(sum, within(1e-5 * sum));
          });
    }
  }

  @Test
  void evaluationDoesNotDependOnTheTrainingBatch() {
    String[] words = {
      "do_train=false", "do_eval=true", "eval_dataset=more", "per_device_eval_batch_size=3"
    };
    tiny.run("one", words);
    tiny.run("other", with(words, "per_device_train_batch_size=7"));
    double one = evalLoss("one");
    assertThat(one).isPositive().isEqualTo(evalLoss("other"));
    assertThat(tiny.output("one").resolve("adapter_model.safetensors")).doesNotExist();
    assertThat(tiny.output("one").resolve("train_results.json")).doesNotExist();
  }

  private double evalLoss(String name) {
    return llmengine.train.checkpoint.JsonFiles.read(tiny.output(name).resolve("eval_results.json"))
        .path("eval_loss")
        .asDouble();
  }

  @ParameterizedTest
  @CsvSource({"lora,true,0", "lora,true,1000000000", "lora,false,0", "full,true,0", "full,false,0"})
  void thePlanIsNearThePeak(String method, boolean recompute, long keep, @TempDir Path larger)
      throws IOException {
    ShortRun run = new ShortRun(larger, 32000, 64);
    var config =
        run.config(
            "run",
            "finetuning_type=" + method,
            "max_steps=1",
            "dataset=talk",
            "cutoff_len=64",
            "per_device_train_batch_size=11",
            "train_on_prompt=true",
            "disable_gradient_checkpointing=" + !recompute);
    try (Backend backend = new VectorBackend()) {
      run.open(
          backend,
          config,
          parts -> {
            parts.model().checkpointing(recompute, keep);
            MemoryPlan plan =
                Summary.plan(config, parts.model(), parts.method(), parts.data().train())
                    .keeping(keep);
            OutputFolder.prepare(config.outputDir());
            try (Scope scope = new Scope(backend, "optimizer")) {
              new TrainingJob(
                      config,
                      new PrintStream(OutputStream.nullOutputStream()),
                      ShortRun.NEVER,
                      parts.session(),
                      parts.data(),
                      parts.model(),
                      parts.method(),
                      new Stages(config, parts.session(), parts.model(), parts.method())
                          .objective(parts.data().train(), Optional.empty()),
                      scope)
                  .run(Optional.empty());
            }
            double taken = backend.memory().peak() + backend.memory().mapped();
            assertThat(plan.total() / taken).as(plan + " taken " + taken).isBetween(0.7, 1.5);
          });
    }
  }

  static String[] with(String[] words, String... more) {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }
}
