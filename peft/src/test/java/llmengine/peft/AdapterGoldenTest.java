package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.StoredTensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Adapters written by PEFT: logits with them and after merging, merged weights, files. */
class AdapterGoldenTest {
  private static final float LOGITS = 2e-4f;
  private static final float WEIGHTS = 1e-6f;

  private final Backend backend = TestBackends.create();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama_lora_all",
        "llama_lora_qv",
        "llama_lora_embedding",
        "llama_lora_modules_to_save",
        "llama_lora_patterns",
        "llama_rslora_all",
        "llama_two_adapters",
        "phi3_lora_all",
        "gemma2_lora_all",
        "qwen2_lora_all",
        "llama_dora_all",
        "phi3_dora_all",
        "gemma2_dora_all",
        "qwen2_dora_all",
        "llama_oft_block16",
        "llama_oft_block32_adjusted",
        "llama_oft_exact_cayley",
        "llama_pissa_all",
        "qwen2_lora_modules_to_save_tied"
      })
  void agreesWithPeft(String name, @TempDir Path written) throws IOException {
    Path dir = Shared.path("golden/open/A_adapters_forward/" + name);
    JsonNode golden = Shared.json(dir.resolve("case.json"));
    String family = golden.path("base").path("family").asText();
    try (Pretrained files = Pretrained.open(Shared.path("models/tiny/" + family));
        Decoder model = files.load(backend);
        SafetensorsFile expected = SafetensorsFile.open(dir.resolve("golden.safetensors"))) {
      JsonNode steps = golden.path("steps");
      for (int i = 0; i < steps.size(); i++) {
        String suffix = steps.size() == 1 ? "" : "_" + (i + 1);
        Path adapter = dir.resolve(steps.get(i).path("adapter_folder").asText());
        float[] plain = logits(model, golden);
        Adapters adapters = Adapters.open(model, adapter, false);
        compare(model, golden, expected.tensor("logits_adapter" + suffix));
        adapters.enabled(false);
        assertThat(logits(model, golden)).as("switched off").containsExactly(plain);
        adapters.enabled(true);
        adapters.save(written.resolve("adapter" + i), "tiny");
        sameFiles(adapter, written.resolve("adapter" + i));
        adapters.merge();
        compare(model, golden, expected.tensor("logits_merged" + suffix));
      }
      if (golden.path("kind").asText().equals("pissa")) {
        converted(golden, dir, family, expected);
      }
      for (var weight : golden.path("merged_weights_that_differ_from_base").properties()) {
        Tensor merged = model.parameters().get(weight.getKey()).value();
        float bound = golden.path("kind").asText().equals("pissa") ? 1e-5f : WEIGHTS;
        sameStats(weight.getKey(), merged.toFloats(), weight.getValue(), bound);
      }
    }
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  /** The residual weights, and the adapters that PiSSA's conversion makes of ours. */
  private void converted(JsonNode golden, Path dir, String family, SafetensorsFile expected)
      throws IOException {
    Path written = Files.createTempDirectory("converted");
    try (Pretrained files = Pretrained.open(Shared.path("models/tiny/" + family))) {
      try (Decoder model = files.load(backend);
          Adapters adapters = Adapters.open(model, dir, false)) {
        for (var weight : golden.path("residual").properties()) {
          float[] rest = model.parameters().get(weight.getKey()).value().toFloats();
          sameStats(weight.getKey(), rest, weight.getValue(), 1e-5f);
        }
        adapters.saveConverted(written, "tiny");
      }
      for (Path plain : List.of(dir.resolve("pissa_converted"), written)) {
        try (Decoder model = files.load(backend);
            Adapters adapters = Adapters.open(model, plain, false)) {
          assertThat(adapters.changesBase()).isFalse();
          compare(model, golden, expected.tensor("logits_converted"));
        }
      }
      sameSettings(dir.resolve("pissa_converted"), written);
    }
  }

  private void compare(Decoder model, JsonNode golden, StoredTensor expected) {
    float[] want = floats(expected);
    float[] got = logits(model, golden);
    int vocab = (int) expected.shape()[2];
    int tokens = (int) expected.shape()[1];
    int at = 0;
    for (int row = 0; row < expected.shape()[0]; row++) {
      for (int t = 0; t < tokens; t++) {
        if (golden.path("attention_mask").get(row).get(t).asInt() == 0) {
          continue;
        }
        for (int v = 0; v < vocab; v++) {
          assertThat(got[at * vocab + v])
              .as("%s row %d token %d id %d", expected.name(), row, t, v)
              .isCloseTo(want[(row * tokens + t) * vocab + v], within(LOGITS));
        }
        at++;
      }
    }
  }

  /** Logits of the tokens that are not padding, laid end to end. */
  private float[] logits(Decoder model, JsonNode golden) {
    int rows = golden.path("input_ids").size();
    int[] lengths = new int[rows];
    int[] ids = new int[rows * golden.path("input_ids").get(0).size()];
    int at = 0;
    for (int r = 0; r < rows; r++) {
      for (JsonNode mask : golden.path("attention_mask").get(r)) {
        lengths[r] += mask.asInt();
      }
      for (int t = 0; t < lengths[r]; t++) {
        ids[at++] = golden.path("input_ids").get(r).get(t).asInt();
      }
    }
    try (Scope scope = new Scope(backend, "test")) {
      Tape tape = Tape.inference(scope);
      Batch batch = Batch.of(scope, java.util.Arrays.copyOf(ids, at), lengths);
      return model.logits(tape, model.hidden(tape, batch)).toFloats();
    }
  }

  private static void sameStats(String name, float[] values, JsonNode stats, float bound) {
    double squares = 0;
    double sum = 0;
    for (float v : values) {
      squares += (double) v * v;
      sum += v;
    }
    assertThat(sum)
        .as(name)
        .isCloseTo(stats.path("sum").asDouble(), within(0.01 * bound * values.length + 10 * bound));
    assertThat(Math.sqrt(squares))
        .as(name)
        .isCloseTo(stats.path("norm").asDouble(), within(10.0 * bound));
    for (int i = 0; i < stats.path("first").size(); i++) {
      assertThat(values[i])
          .as(name + "[" + i + "]")
          .isCloseTo((float) stats.path("first").get(i).asDouble(), within(bound));
    }
  }

  private static void sameFiles(Path theirs, Path ours) throws IOException {
    try (SafetensorsFile want = SafetensorsFile.open(theirs.resolve(StoredAdapter.NAME));
        SafetensorsFile got = SafetensorsFile.open(ours.resolve(StoredAdapter.NAME))) {
      assertThat(got.tensors().keySet()).containsExactlyElementsOf(want.tensors().keySet());
      for (StoredTensor t : want.tensors().values()) {
        StoredTensor other = got.tensor(t.name());
        assertThat(other.shape()).as(t.name()).containsExactly(t.shape());
        assertThat(other.data().mismatch(t.data())).as(t.name()).isEqualTo(-1);
      }
    }
    sameSettings(theirs, ours);
  }

  private static void sameSettings(Path theirs, Path ours) throws IOException {
    ObjectNode want = (ObjectNode) Shared.json(theirs.resolve(AdapterConfigFile.NAME));
    ObjectNode got = (ObjectNode) Shared.json(ours.resolve(AdapterConfigFile.NAME));
    for (var entry : want.properties()) {
      String key = entry.getKey();
      if (!key.equals("peft_version")
          && !key.equals("base_model_name_or_path")
          && !key.equals("inference_mode")) {
        JsonNode value =
            got.has(key) ? got.get(key) : want.path(key).isNull() ? want.path(key) : null;
        assertThat(value).as(key).isEqualTo(want.get(key));
      }
    }
  }

  private static float[] floats(StoredTensor t) {
    float[] values = new float[(int) t.count()];
    MemorySegment.ofArray(values).copyFrom(t.data());
    return values;
  }
}
