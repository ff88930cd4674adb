package llmengine.train.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.train.TrainException;
import llmengine.train.checkpoint.WeightFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An expanded model computes what the original did. */
class BlockExpansionTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"model_type\": \"llama\"}",
        "{\"model_type\": \"llama\", \"attention_bias\": true, \"mlp_bias\": true}",
        "{\"model_type\": \"qwen2\", \"use_sliding_window\": true, \"sliding_window\": 3,"
            + " \"max_window_layers\": 4}",
        "{\"model_type\": \"qwen3\"}",
        // every second block slides, by its number or by name
        "{\"model_type\": \"gemma2\", \"sliding_window\": 3, \"head_dim\": 4,"
            + " \"query_pre_attn_scalar\": 4}",
        "{\"model_type\": \"gemma2\", \"sliding_window\": 3, \"head_dim\": 4,"
            + " \"query_pre_attn_scalar\": 4, \"layer_types\": [\"full_attention\","
            + " \"sliding_attention\", \"sliding_attention\", \"full_attention\"]}",
        "{\"model_type\": \"phi3\"}"
      })
  void computesWhatTheOriginalDoes(String family) throws IOException {
    Path model = write(family);
    for (int added : new int[] {1, 2, 4}) {
      Path expanded = folder.resolve("expanded" + added);
      assertThat(BlockExpansion.write(model, expanded, added, 3000)).isEqualTo(4 + added);
      float[] before = logits(model);
      float[] after = logits(expanded);
      for (int i = 0; i < before.length; i++) {
        assertThat(after[i]).as("%d added, logit %d", added, i).isCloseTo(before[i], within(1e-5f));
      }
      assertThat(expanded.resolve("tokenizer.json")).exists();
    }
  }

  @Test
  void whatDoesNotDivideOrWouldOverwriteIsRefused() throws IOException {
    Path model = write("{\"model_type\": \"llama\"}");
    assertThatThrownBy(() -> BlockExpansion.write(model, folder.resolve("x"), 3, 1000))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected a divisor of the model's 4 blocks, got 3");
    assertThat(folder.resolve("x")).doesNotExist();
    assertThatThrownBy(() -> BlockExpansion.write(model, model, 2, 1000))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected a new or empty folder");
  }

  private Path write(String family) throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    ObjectNode config = (ObjectNode) JSON.readTree(family);
    config.put("vocab_size", 19).put("hidden_size", 12);
    config.put("num_attention_heads", 3).put("num_key_value_heads", 1);
    config.put("intermediate_size", 20).put("num_hidden_layers", 4);
    config.put("initializer_range", 0.3).put("tie_word_embeddings", true);
    JSON.writeValue(model.resolve("config.json").toFile(), config);
    Files.writeString(model.resolve("tokenizer.json"), "{}");
    try (Pretrained files = Pretrained.open(model);
        Backend backend = new VectorBackend();
        Decoder fresh = files.fromScratch(backend, 7)) {
      WeightFiles.writeModel(model, fresh, DType.F32, 1L << 30);
    }
    return model;
  }

  private static float[] logits(Path folder) {
    try (Pretrained files = Pretrained.open(folder);
        Backend backend = new VectorBackend();
        Decoder model = files.load(backend);
        Scope scope = new Scope(backend, "test")) {
      Tape tape = Tape.inference(scope);
      return model.logits(tape, model.hidden(tape, Batch.of(scope, IDS, IDS.length))).toFloats();
    }
  }
}
