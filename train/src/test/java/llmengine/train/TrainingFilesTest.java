package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.FormatException;
import llmengine.train.checkpoint.AtomicFolder;
import llmengine.train.config.ConfigException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a run leaves in output_dir, and what it says when it can't run. */
class TrainingFilesTest {
  @TempDir Path folder;
  private TinyRun tiny;

  @BeforeEach
  void open() throws Exception {
    tiny = new TinyRun(folder);
  }

  @Test
  void writesTheFilesThatLlamaFactoryWrites() throws Exception {
    tiny.train(
        "out",
        "max_steps=4",
        "save_steps=2",
        "val_size=6",
        "eval_strategy=steps",
        "eval_steps=2",
        "plot_loss=true",
        "include_effective_tokens_per_second=true",
        "include_num_input_tokens_seen=true");
    for (String file :
        new String[] {
          "adapter_config.json",
          "adapter_model.safetensors",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "trainer_state.json",
          "train_results.json",
          "eval_results.json",
          "all_results.json",
          "training_loss.png",
          "training_eval_loss.png",
          "README.md",
          "data_report.jsonl",
          "checkpoint-2/optimizer.safetensors",
          "checkpoint-2/trainer_state.json",
          "checkpoint-4/adapter_model.safetensors"
        }) {
      assertThat(tiny.out("out").resolve(file)).exists();
    }
    List<String> log = Files.readAllLines(tiny.out("out/trainer_log.jsonl"));
    assertThat(log).hasSize(4 + 2 + 1); // steps, evaluations, the end
    JsonNode first = new ObjectMapper().readTree(log.getFirst());
    assertThat(first.fieldNames())
        .toIterable()
        .containsExactly(
            "current_steps",
            "total_steps",
            "loss",
            "lr",
            "epoch",
            "percentage",
            "elapsed_time",
            "remaining_time");
    JsonNode results = tiny.json("out/all_results.json");
    for (String key :
        new String[] {
          "epoch", "train_loss", "train_runtime", "train_samples_per_second",
          "train_steps_per_second", "total_flos", "effective_tokens_per_sec", "eval_loss",
          "eval_runtime"
        }) {
      assertThat(results.path(key).isNumber()).as(key).isTrue();
    }
    assertThat(results.path("total_flos").asDouble()).isPositive();
    assertThat(tiny.logged("out", "num_input_tokens_seen")).hasSize(4);
  }

  @Test
  void refusesToTrainOverFinishedResults() throws Exception {
    tiny.train("out", "max_steps=1", "save_strategy=no");
    byte[] adapter = tiny.bytes("out/adapter_model.safetensors");
    assertThatThrownBy(() -> tiny.train("out", "max_steps=2", "save_strategy=no"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("overwrite_output_dir: true");
    assertThat(tiny.bytes("out/adapter_model.safetensors")).isEqualTo(adapter);
  }

  @Test
  void outputDirThatIsAFileIsRefusedBeforeAnythingIsRead() throws Exception {
    Files.writeString(tiny.out("out"), "mine");
    assertThatThrownBy(() -> tiny.train("out"))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("output_dir")
        .hasMessageContaining("expected a folder");
    assertThat(Files.readString(tiny.out("out"))).isEqualTo("mine");
  }

  @Test
  void aTruncatedCheckpointIsRefused() throws Exception {
    Path weights = folder.resolve("model/model.safetensors");
    byte[] whole = Files.readAllBytes(weights);
    Files.write(weights, java.util.Arrays.copyOf(whole, whole.length - 100));
    assertThatThrownBy(() -> tiny.train("out"))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("model.safetensors")
        .hasMessageContaining("expected");
  }

  @Test
  void anUnknownArchitectureIsNamedWithTheKnownOnes() throws Exception {
    Path config = folder.resolve("model/config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"llama\"", "\"mamba\""), StandardCharsets.UTF_8);
    assertThatThrownBy(() -> tiny.train("out"))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("model_type")
        .hasMessageContaining("qwen3")
        .hasMessageContaining("mamba");
  }

  @Test
  void wrongShapesAreNamed() throws Exception {
    Path config = folder.resolve("model/config.json");
    Files.writeString(
        config,
        Files.readString(config).replace("\"intermediate_size\":48", "\"intermediate_size\":40"));
    assertThatThrownBy(() -> tiny.train("out"))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("wrong shape")
        .hasMessageContaining("mlp.gate_proj");
  }

  @Test
  void malformedRowsAreFoundByLine() throws Exception {
    Files.writeString(
        folder.resolve("rows.json"), "[\n{\"instruction\": \"a\", \"output\": \"b\"},\n{oops}\n]");
    assertThatThrownBy(() -> tiny.train("out"))
        .hasMessageContaining("rows.json")
        .hasMessageContaining("3");
  }

  @Test
  void aMissingColumnIsNamed() throws Exception {
    Files.writeString(folder.resolve("rows.json"), "[{\"question\": \"a\", \"answer\": \"b\"}]");
    assertThatThrownBy(() -> tiny.train("out")).hasMessageContaining("instruction");
  }

  @Test
  void anEmptyDatasetIsRefused() throws Exception {
    Files.writeString(folder.resolve("rows.json"), "[]");
    assertThatThrownBy(() -> tiny.train("out")).hasMessageContaining("expected at least one");
  }

  @Test
  void aCutoffBelowThePromptsIsRefused() {
    assertThatThrownBy(() -> tiny.train("out", "cutoff_len=2")).hasMessageContaining("cutoff_len");
  }

  @Test
  void nonFiniteValuesStopTheRunByNameAndNothingIsSaved() throws Exception {
    Path weights = folder.resolve("model/model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    try (var checkpoint = llmengine.engine.file.Checkpoint.open(folder.resolve("model"))) {
      long at = checkpoint.tensor("model.layers.1.mlp.up_proj.weight").position();
      bytes[(int) at + 2] = (byte) 0xC0;
      bytes[(int) at + 3] = 0x7F; // little-endian NaN
    }
    Files.write(weights, bytes);
    assertThatThrownBy(() -> tiny.train("out", "save_steps=1"))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("step 1")
        .hasMessageContaining("model.layers.1.mlp");
    assertThat(tiny.out("out/checkpoint-1")).doesNotExist();
    assertThat(tiny.out("out/adapter_model.safetensors")).doesNotExist();
  }

  @Test
  void aSaveThatFailsLeavesTheOldFolder() throws Exception {
    Path target = folder.resolve("checkpoint-1");
    AtomicFolder.write(target, f -> Files.writeString(f.resolve("weights"), "old"));
    assertThatThrownBy(
            () ->
                AtomicFolder.write(
                    target,
                    f -> {
                      Files.writeString(f.resolve("weights"), "half");
                      throw new IOException("No space left on device");
                    }))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("No space left on device");
    assertThat(target.resolve("weights")).hasContent("old");
    try (var entries = Files.list(folder)) {
      assertThat(entries.map(p -> p.getFileName().toString())).noneMatch(n -> n.endsWith(".tmp"));
    }
  }
}
