package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What must hold of any training run, whatever it learns. */
class TrainingLawsTest {
  @TempDir Path folder;
  private TinyRun tiny;

  @BeforeEach
  void open() throws Exception {
    tiny = new TinyRun(folder);
  }

  @Test
  void theSameConfigurationTwiceGivesTheSameBits() {
    tiny.train("a", "lora_dropout=0.1", "num_train_epochs=2");
    tiny.train("b", "lora_dropout=0.1", "num_train_epochs=2");
    assertThat(tiny.bytes("a/adapter_model.safetensors"))
        .isEqualTo(tiny.bytes("b/adapter_model.safetensors"));
    assertThat(tiny.logged("a", "loss")).isEqualTo(tiny.logged("b", "loss")).hasSize(16);
  }

  @ParameterizedTest
  @CsvSource({
    "lora, adapter_model.safetensors, 1",
    "full, model.safetensors, 2",
    "freeze, model.safetensors, 1"
  })
  void interruptedAndResumedIsTheUnbrokenRunBitForBit(String type, String file, int accumulation) {
    String[] words = {
      "finetuning_type=" + type,
      "freeze_trainable_layers=1",
      "gradient_accumulation_steps=" + accumulation,
      "num_train_epochs=2",
      "lora_dropout=0.1",
      "logging_steps=3",
      "weight_decay=0.1",
      "lr_scheduler_type=cosine",
      "warmup_steps=2"
    };
    if (!type.equals("lora")) {
      words[4] = "seed=42";
    }
    if (!type.equals("freeze")) {
      words[1] = "seed=42";
    }
    tiny.train("whole", words);
    assertThat(tiny.train("parts", TinyRun.after(5), words)).isEqualTo(Trainer.End.INTERRUPTED);
    assertThat(tiny.out("parts/checkpoint-5")).isDirectory();
    assertThat(tiny.train("parts", words)).isEqualTo(Trainer.End.DONE);
    assertThat(tiny.printed).contains("resuming from").contains("checkpoint-5");
    assertThat(tiny.bytes("parts/" + file)).isEqualTo(tiny.bytes("whole/" + file));
    assertThat(tiny.logged("parts", "loss")).isEqualTo(tiny.logged("whole", "loss"));
    assertThat(tiny.logged("parts", "grad_norm")).isEqualTo(tiny.logged("whole", "grad_norm"));
    assertThat(tiny.json("parts/all_results.json").path("train_loss").asDouble())
        .isEqualTo(tiny.json("whole/all_results.json").path("train_loss").asDouble());
  }

  @Test
  void accumulationEqualsALargerBatchWhenGradientsAreNotDivided() {
    String[] common = {"max_steps=4", "disable_shuffling=true"};
    tiny.train("large", common[0], common[1], "per_device_train_batch_size=8");
    tiny.train(
        "small",
        common[0],
        common[1],
        "per_device_train_batch_size=1",
        "gradient_accumulation_steps=8",
        "accumulation_divides_gradients=false");
    assertClose(tiny.logged("small", "loss"), tiny.logged("large", "loss"));
    assertClose(tiny.logged("small", "grad_norm"), tiny.logged("large", "grad_norm"));
  }

  @Test
  void theRecordedTrainerDividesGradientsByTheAccumulation() {
    tiny.train("once", "max_steps=1", "disable_shuffling=true", "per_device_train_batch_size=4");
    tiny.train(
        "twice",
        "max_steps=1",
        "disable_shuffling=true",
        "per_device_train_batch_size=2",
        "gradient_accumulation_steps=2");
    assertThat(tiny.logged("twice", "grad_norm")[0])
        .isCloseTo(tiny.logged("once", "grad_norm")[0] / 2, within(1e-5));
    assertThat(tiny.logged("twice", "loss")[0])
        .isCloseTo(tiny.logged("once", "loss")[0], within(1e-5));
  }

  @Test
  void recomputedActivationsGiveTheBitsOfKeptOnes() {
    tiny.train("again", "num_train_epochs=1", "lora_dropout=0.2", "kept_activations_gb=0");
    for (String some :
        List.of(
            "disable_gradient_checkpointing=true",
            "kept_activations_gb=0.0005",
            "kept_activations_gb=null")) {
      tiny.train(
          "kept", "num_train_epochs=1", "lora_dropout=0.2", some, "overwrite_output_dir=true");
      assertThat(tiny.bytes("kept/adapter_model.safetensors"))
          .as(some)
          .isEqualTo(tiny.bytes("again/adapter_model.safetensors"));
    }
  }

  @Test
  void packedRowsHaveTheLossOfUnpackedOnes() {
    // all rows fit one batch either way, so the first step sees the same labelled tokens
    tiny.train("rows", "max_steps=1", "per_device_train_batch_size=64", "finetuning_type=full");
    tiny.train(
        "packed",
        "max_steps=1",
        "per_device_train_batch_size=64",
        "finetuning_type=full",
        "neat_packing=true",
        "cutoff_len=256");
    assertThat(tiny.logged("packed", "loss")[0])
        .isCloseTo(tiny.logged("rows", "loss")[0], within(1e-5));
  }

  @Test
  void frozenWeightsStayAsTheyWere() throws Exception {
    byte[] before = tiny.bytes("model/model.safetensors");
    tiny.train("out", "finetuning_type=freeze", "freeze_trainable_layers=1", "max_steps=3");
    try (var was = llmengine.engine.file.Checkpoint.open(folder.resolve("model"));
        var is = llmengine.engine.file.Checkpoint.open(folder.resolve("out"))) {
      for (String name : was.names()) {
        boolean same = was.tensor(name).data().mismatch(is.tensor(name).data()) == -1;
        boolean trained = name.contains("layers.1.");
        assertThat(same).as(name).isEqualTo(!trained);
      }
    }
    assertThat(tiny.bytes("model/model.safetensors")).isEqualTo(before);
  }

  @Test
  void evaluationDoesNotDependOnTheTrainingBatch() {
    String[] common = {"learning_rate=0", "max_steps=2", "val_size=6", "eval_strategy=steps"};
    tiny.train("a", with(common, "eval_steps=1", "per_device_train_batch_size=1"));
    tiny.train("b", with(common, "eval_steps=1", "per_device_train_batch_size=5"));
    assertThat(tiny.logged("a", "eval_loss")).isEqualTo(tiny.logged("b", "eval_loss")).hasSize(2);
    assertThat(tiny.json("a/eval_results.json").path("eval_loss").asDouble())
        .isEqualTo(tiny.logged("a", "eval_loss")[0]);
  }

  @Test
  void checkpointsAreLimitedButTheBestStays() throws Exception {
    tiny.train(
        "out",
        "max_steps=8",
        "learning_rate=0.5", // gets worse after the first steps
        "val_size=6",
        "eval_strategy=steps",
        "eval_steps=1",
        "save_steps=1",
        "save_total_limit=2",
        "load_best_model_at_end=true");
    String best = tiny.json("out/trainer_state.json").path("best_model_checkpoint").asText();
    assertThat(Path.of(best)).isDirectory();
    assertThat(tiny.out("out/checkpoint-8")).isDirectory();
    try (var entries = Files.list(tiny.out("out"))) {
      assertThat(entries.filter(p -> p.getFileName().toString().startsWith("checkpoint-")).count())
          .isLessThanOrEqualTo(2);
    }
    assertThat(tiny.bytes("out/adapter_model.safetensors"))
        .isEqualTo(Files.readAllBytes(Path.of(best, "adapter_model.safetensors")));
  }

  @Test
  void earlyStoppingEndsTheRun() {
    Trainer.End end =
        tiny.train(
            "out",
            "max_steps=30",
            "learning_rate=0",
            "val_size=6",
            "eval_strategy=steps",
            "eval_steps=1",
            "save_steps=1",
            "save_total_limit=1",
            "load_best_model_at_end=true",
            "early_stopping_steps=2");
    assertThat(end).isEqualTo(Trainer.End.STOPPED_EARLY);
    assertThat(tiny.json("out/trainer_state.json").path("global_step").asInt()).isEqualTo(3);
  }

  @Test
  void evaluatesWithoutTraining() {
    tiny.train("out", "do_train=false", "do_eval=true", "dataset=rows", "val_size=6");
    assertThat(tiny.json("out/eval_results.json").path("eval_loss").asDouble()).isPositive();
    assertThat(tiny.out("out/adapter_model.safetensors")).doesNotExist();
  }

  private static void assertClose(double[] got, double[] expected) {
    assertThat(got).hasSameSizeAs(expected);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i] / expected[i]).as("step %d", i + 1).isCloseTo(1, within(1e-4));
    }
  }

  private static String[] with(String[] common, String... more) {
    String[] all = java.util.Arrays.copyOf(common, common.length + more.length);
    System.arraycopy(more, 0, all, common.length, more.length);
    return all;
  }
}
