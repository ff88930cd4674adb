package llmengine.train.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.Sublayer;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AwqLayersTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int[] IDS = {5, 17, 2, 9, 40, 3, 3, 21, 8};

  @TempDir private Path folder;

  /** Llama with shared and separate heads, biases, a norm with offset, fused projections. */
  @ParameterizedTest
  @CsvSource({
    "llama, LlamaForCausalLM, 2",
    "llama, LlamaForCausalLM, 4",
    "qwen2, Qwen2ForCausalLM, 4",
    "gemma2, Gemma2ForCausalLM, 4",
    "gemma2, Gemma2ForCausalLM, 2",
    "phi3, Phi3ForCausalLM, 4"
  })
  void foldedScalesLeaveTheModelAsItWas(String type, String architecture, int kvHeads)
      throws IOException {
    ObjectNode config = JSON.createObjectNode();
    config.putArray("architectures").add(architecture);
    config.put("model_type", type).put("vocab_size", 64).put("hidden_size", 32);
    config.put("intermediate_size", 48).put("num_hidden_layers", 2).put("head_dim", 8);
    config.put("num_attention_heads", 4).put("num_key_value_heads", kvHeads);
    config.put("max_position_embeddings", 64).put("rms_norm_eps", 1e-5);
    config.put("initializer_range", 0.3).put("tie_word_embeddings", true);
    config.put("query_pre_attn_scalar", 8).put("sliding_window", 64);
    Files.writeString(folder.resolve("config.json"), config.toString());
    try (Backend backend = new VectorBackend();
        Pretrained files = Pretrained.open(folder);
        Decoder model = files.fromScratch(backend, 3)) {
      model.parameters().values().stream()
          .filter(p -> p.name().endsWith(".bias"))
          .forEach(p -> p.value().set(random((int) p.size(), 4)));
      float[] expected = logits(model);
      assertClose(halfByHalf(model), expected, 0);
      for (int l = 0; l < 2; l++) {
        for (Sublayer half : model.sublayers(l)) {
          float[] scales = random(half.inputs().getFirst().inFeatures(), l);
          Optional<float[]> inner =
              half.passesFactors()
                  ? Optional.of(random(half.output().inFeatures(), l + 7))
                  : Optional.empty();
          AwqLayers.fold(model, half, scales, inner);
        }
      }
      boolean attentionPasses = model.sublayers(0).getFirst().passesFactors();
      assertThat(attentionPasses).isEqualTo(kvHeads == 4);
      assertClose(logits(model), expected, 1e-4);
    }
  }

  private static float[] logits(Decoder model) {
    try (Scope scope = new Scope(model.backend(), "test")) {
      Tape tape = Tape.inference(scope);
      Tensor hidden = model.hidden(tape, Batch.of(scope, IDS, 4, 5));
      return model.logits(tape, hidden).toFloats();
    }
  }

  /**
   * The blocks' halves one after the other, as calibration runs them; then the whole model's end.
   */
  private static float[] halfByHalf(Decoder model) {
    try (Scope scope = new Scope(model.backend(), "test")) {
      Tape tape = Tape.inference(scope);
      Batch batch = Batch.of(scope, IDS, 4, 5);
      Tensor x = model.embed(tape, batch);
      for (int l = 0; l < model.spec().layers().size(); l++) {
        for (Sublayer half : model.sublayers(l)) {
          x = half.finish(tape, x, half.inner(tape, half.normed(tape, x), batch));
        }
      }
      return model.logits(tape, model.norm(tape, x)).toFloats();
    }
  }

  private static float[] random(int n, long seed) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = 0.2f + 2 * random.nextFloat();
    }
    return values;
  }

  private static void assertClose(float[] actual, float[] expected, double bound) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      double allowed = bound * Math.max(1, Math.abs(expected[i]));
      assertThat((double) actual[i]).isCloseTo(expected[i], within(allowed));
    }
  }
}
