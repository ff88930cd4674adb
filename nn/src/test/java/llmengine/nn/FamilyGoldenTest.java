package llmengine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.nn.generate.KvCache;
import llmengine.nn.generate.KvSequence;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Logits, loss, gradients and greedy tokens of each family against PyTorch/transformers. */
class FamilyGoldenTest {
  private final Backend backend = new ScalarBackend();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "llama3_rope_scaling",
        "mistral",
        "qwen2",
        "qwen3",
        "gemma2",
        "gemma3_text",
        "phi3",
        "internlm2_like_llama_bias"
      })
  void agreesWithTransformers(String family) throws IOException {
    Path dir = Shared.path("models/tiny/" + family);
    JsonNode golden = Shared.json(dir.resolve("golden.json"));
    try (Pretrained files = Pretrained.open(dir);
        Decoder model = files.load(backend)) {
      greedy(model, golden.path("greedy_from_first_8"));
      forwardAndGradients(model, golden);
    }
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  private void forwardAndGradients(Decoder model, JsonNode golden) {
    int[] lengths = new int[golden.path("input_ids").size()];
    List<Integer> flat = new ArrayList<>();
    for (int r = 0; r < lengths.length; r++) {
      for (JsonNode mask : golden.path("attention_mask").get(r)) {
        lengths[r] += mask.asInt();
      }
      for (int t = 0; t < lengths[r]; t++) {
        flat.add(golden.path("input_ids").get(r).get(t).asInt());
      }
    }
    int[] ids = flat.stream().mapToInt(i -> i).toArray();
    try (Scope parameters = new Scope(backend, "gradients");
        Scope scope = new Scope(backend, "activations")) {
      for (Parameter p : model.parameters().values()) {
        p.toFloat32(parameters);
        p.trainable(true);
      }
      model.checkpointing(true);
      Tape tape = Tape.training(scope);
      Tensor hidden = model.hidden(tape, Batch.of(scope, ids, lengths));
      float[] logits = model.logits(Tape.inference(scope), hidden).toFloats();
      int vocab = model.spec().vocab();
      int row = 0;
      List<Integer> rows = new ArrayList<>();
      for (int r = 0; r < lengths.length; r++) {
        JsonNode last = golden.path("logits_row" + r + "_last3");
        for (int i = 0; i < 3; i++) {
          for (int v = 0; v < vocab; v++) {
            assertThat(logits[(row + lengths[r] - 3 + i) * vocab + v])
                .as("logit of row %d, position -%d, id %d", r, 3 - i, v)
                .isCloseTo((float) last.get(i).get(v).asDouble(), within(1e-4f));
          }
        }
        for (int t = 0; t < lengths[r] - 1; t++) {
          rows.add(row + t);
        }
        row += lengths[r];
      }
      int[] at = rows.stream().mapToInt(i -> i).toArray();
      int[] targets = rows.stream().mapToInt(i -> ids[i + 1]).toArray();
      Tensor losses = CausalLoss.apply(tape, model, hidden, at, targets, 1f / at.length);
      assertThat(backend.sum(losses) / at.length)
          .isCloseTo(golden.path("loss").asDouble(), within(1e-5));
      tape.backward();
      Iterator<Map.Entry<String, JsonNode>> norms = golden.path("grad_norm").fields();
      while (norms.hasNext()) {
        var expected = norms.next();
        Tensor gradient = model.parameters().get(expected.getKey()).value().grad();
        assertThat(Math.sqrt(backend.sumOfSquares(gradient)) / expected.getValue().asDouble())
            .as("gradient norm of %s, as a share of the expected", expected.getKey())
            .isCloseTo(1, within(1e-4));
      }
    }
  }

  private void greedy(Decoder model, JsonNode expected) {
    List<Integer> ids = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      ids.add(expected.get(i).asInt());
    }
    try (KvCache cache = model.cache()) {
      KvSequence[] keys = {cache.open()};
      int[] next = ids.stream().mapToInt(i -> i).toArray();
      while (ids.size() < expected.size()) {
        try (Scope scope = new Scope(backend, "step")) {
          Tape tape = Tape.inference(scope);
          Batch batch = Batch.next(scope, cache, next, keys, new int[] {next.length});
          Tensor hidden = model.hidden(tape, batch);
          float[] logits = model.logits(tape, hidden.rows(next.length - 1, next.length)).toFloats();
          int best = 0;
          for (int v = 1; v < logits.length; v++) {
            best = logits[v] > logits[best] ? v : best;
          }
          ids.add(best);
          next = new int[] {best};
        }
      }
    }
    for (int i = 0; i < expected.size(); i++) {
      assertThat(ids.get(i)).as("greedy token %d", i).isEqualTo(expected.get(i).asInt());
    }
  }
}
