package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same words give the same bits, in one go or in several. */
class ResumeTest {
  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
  }

  private static String[] words(String method, String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "finetuning_type=" + method.split(" ")[0],
                "freeze_trainable_layers=1",
                "gradient_accumulation_steps=2",
                "max_steps=7",
                "logging_steps=2",
                "eval_dataset=more",
                "eval_strategy=steps",
                "eval_steps=3",
                "warmup_steps=2",
                "lr_scheduler_type=cosine"));
    if (method.startsWith("lora")) {
      words.add("lora_dropout=0.2");
    }
    words.addAll(List.of(method.split(" ")).subList(1, method.split(" ").length));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private void same(String one, String other) throws IOException {
    assertThat(tiny.weights(other).equals(tiny.weights(one))).as("weights").isTrue();
    assertThat(tiny.log(other)).isEqualTo(tiny.log(one));
    assertThat(tiny.lines(other)).isEqualTo(tiny.lines(one));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lora",
        "full",
        "freeze",
        "lora loraplus_lr_ratio=16",
        "lora use_dora=true",
        "lora pissa_init=true pissa_iter=4 pissa_convert=true",
        "lora pissa_init=true pissa_iter=-1 use_dora=true bf16=true",
        "lora neftune_noise_alpha=5",
        "lora shift_attn=true",
        "lora add_tokens=abc,xyz",
        "full add_special_tokens=<a>,<b> resize_vocab=true",
        "oft module_dropout=0.3",
        "lora use_llama_pro=true",
        "freeze use_llama_pro=true"
      })
  void stoppedOrKilledAndResumedIsUnbroken(String method) throws IOException {
    assertThat(tiny.run("whole", words(method))).isEqualTo(Trainer.End.DONE);
    tiny.run("again", words(method));
    same("whole", "again");

    // eleven rows, four a step: step 4 is in the middle of the second pass
    assertThat(tiny.run(ShortRun.after(4), "stopped", words(method)))
        .isEqualTo(Trainer.End.INTERRUPTED);
    assertThat(tiny.output("stopped").resolve("checkpoint-4")).isDirectory();
    assertThat(tiny.run("stopped", words(method))).isEqualTo(Trainer.End.DONE);
    same("whole", "stopped");
  }

  @Test
  void killedBetweenCheckpointsResumesFromTheNewest() throws IOException {
    String[] words = words("lora", "save_strategy=steps", "save_steps=2", "eval_strategy=no");
    tiny.run("whole", words);
    BooleanSupplier killer = ShortRun.after(5);
    assertThatThrownBy(
            () ->
                tiny.run(
                    () -> {
                      if (killer.getAsBoolean()) {
                        throw new IllegalStateException("killed");
                      }
                      return false;
                    },
                    "killed",
                    words))
        .hasMessage("killed");
    Path output = tiny.output("killed");
    // and killed while it saved: half a checkpoint under its temporary name, half a log line
    Path half = Files.createDirectories(output.resolve(".checkpoint-6.tmp"));
    Files.writeString(half.resolve("trainer_state.json"), "{\"global_step\": 6");
    Path log = output.resolve("trainer_log.jsonl");
    Files.writeString(log, Files.readString(log) + "{\"current_steps\":4,\"tot");
    tiny.run("killed", words);
    same("whole", "killed");
    for (String file : List.of("optimizer.safetensors", "adapter_model.safetensors")) {
      assertThat(output.resolve("checkpoint-6").resolve(file))
          .hasSameBinaryContentAs(tiny.output("whole").resolve("checkpoint-6").resolve(file));
    }
    assertThat(half).doesNotExist();
  }

  @Test
  void resumesFromANamedCheckpointIntoAnotherFolder() throws IOException {
    String[] words = words("lora", "save_strategy=steps", "save_steps=3");
    tiny.run("whole", words);
    String[] from =
        words("lora", "resume_from_checkpoint=" + tiny.output("whole").resolve("checkpoint-3"));
    tiny.run("other", from);
    assertThat(tiny.weights("other").equals(tiny.weights("whole"))).isTrue();
    assertThat(tiny.log("other")).isEqualTo(tiny.log("whole"));
    assertThatThrownBy(() -> tiny.run("x", words("lora", "resume_from_checkpoint=" + tiny.model)))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("resume_from_checkpoint")
        .hasMessageContaining("expected")
        .hasMessageContaining("trainer_state.json");
    assertThatThrownBy(() -> tiny.run("x", words("lora", "resume_from_checkpoint=true")))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected a checkpoint-N folder");
  }

  @Test
  void interruptedAtTheLastStepIsDone() throws IOException {
    tiny.run("whole", "max_steps=3");
    assertThat(tiny.run(ShortRun.after(3), "last", "max_steps=3")).isEqualTo(Trainer.End.DONE);
    same("whole", "last");
  }

  @Test
  void aFinishedRunResumedStaysAsItIs() throws IOException {
    String[] words = {"max_steps=2", "save_strategy=steps", "save_steps=2"};
    tiny.run("run", words);
    var weights = tiny.weights("run");
    assertThat(tiny.run("run", words)).isEqualTo(Trainer.End.DONE);
    assertThat(tiny.weights("run").equals(weights)).isTrue();
  }

  @Test
  void aCheckpointWithoutOptimizerIsNotResumed() {
    String[] words = {"max_steps=2", "save_strategy=steps", "save_steps=1", "save_only_model=true"};
    tiny.run("run", words);
    assertThat(tiny.output("run").resolve("checkpoint-1/optimizer.safetensors")).doesNotExist();
    assertThat(tiny.output("run").resolve("checkpoint-1/adapter_model.safetensors")).exists();
    assertThatThrownBy(() -> tiny.run("run", words))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("save_only_model")
        .hasMessageContaining("overwrite_output_dir");
  }
}
