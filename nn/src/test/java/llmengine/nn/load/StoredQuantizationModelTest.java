package llmengine.nn.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.quant.ptq.Awq;
import llmengine.quant.ptq.Gptq;
import llmengine.quant.ptq.QuantizedLayer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checkpoints of each format, loaded packed, compute as the dense model of the decoded weights. */
class StoredQuantizationModelTest {
  private static final int[] PROMPT = {3, 1, 4, 1, 5, 9, 2, 6, 53, 58, 9, 7};

  @TempDir Path folder;

  private void computesAsDecoded(
      String config, Predicate<String> packs, QuantizedFolder.Encoder encoder) throws IOException {
    QuantizedFolder files = new QuantizedFolder(folder);
    Path packed = files.save(config, packs, encoder);
    for (Backend backend : new Backend[] {new ScalarBackend(), new VectorBackend()}) {
      try (backend;
          Pretrained stored = Pretrained.open(packed);
          Decoder model = stored.load(backend)) {
        model
            .parameters()
            .forEach(
                (name, p) ->
                    assertThat(p.value().dtype() == DType.PACKED)
                        .as(name)
                        .isEqualTo(packs.test(name)));
        try (Pretrained decoded = Pretrained.open(files.saveDecoded(model));
            Decoder dense = decoded.load(backend)) {
          float[] expected = QuantizedFolder.logits(dense, PROMPT);
          float[] got = QuantizedFolder.logits(model, PROMPT);
          assertThat(expected).hasSize(PROMPT.length * QuantizedFolder.VOCAB);
          for (int i = 0; i < got.length; i++) {
            assertThat(got[i]).as("logit %d", i).isCloseTo(expected[i], within(1e-5f));
          }
          assertThat(QuantizedFolder.greedy(model, PROMPT, 8))
              .isEqualTo(QuantizedFolder.greedy(dense, PROMPT, 8));
        }
      }
    }
  }

  /** Round to nearest, in groups of inputs. */
  private static QuantizedLayer rounded(
      float[] w, int rows, int cols, int groupSize, int bits, int[] groups) {
    int size = groupSize == -1 ? cols : groupSize;
    int count = Math.ceilDiv(cols, size);
    int most = (1 << bits) - 1;
    float[] least = new float[count * rows];
    float[] largest = new float[count * rows];
    for (int i = 0; i < w.length; i++) {
      int k = i % cols;
      int at = (groups == null ? k / size : groups[k]) * rows + i / cols;
      least[at] = Math.min(least[at], w[i]);
      largest[at] = Math.max(largest[at], w[i]);
    }
    float[] scales = new float[count * rows];
    byte[] zeros = new byte[scales.length];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = Float.float16ToFloat(Float.floatToFloat16((largest[i] - least[i]) / most));
      zeros[i] = (byte) Math.round(-least[i] / scales[i]);
    }
    byte[] codes = new byte[w.length];
    for (int i = 0; i < w.length; i++) {
      int k = i % cols;
      int at = (groups == null ? k / size : groups[k]) * rows + i / cols;
      int code = Math.round(w[i] / scales[at]) + (zeros[at] & 0xff);
      codes[i] = (byte) Math.clamp(code, 0, most);
    }
    return new QuantizedLayer(rows, cols, size, codes, scales, zeros, groups);
  }

  private static int[] shuffled(int cols, int groupSize) {
    int[] groups = new int[cols];
    for (int k = 0; k < cols; k++) {
      groups[k] = k * 7 % cols / groupSize; // 7 has no factor in common with the sizes here
    }
    return groups;
  }

  @ParameterizedTest
  @CsvSource({
    "2, 32, false, gptq",
    "3, 32, false, gptq_v2",
    "4, 32, true, gptq",
    "4, -1, false, gptq_v2",
    "8, 32, true, gptq_v2"
  })
  void gptq(int bits, int groupSize, boolean actOrder, String format) throws IOException {
    String config =
        """
        {"quant_method": "gptq", "bits": %d, "group_size": %d, "desc_act": %s, "sym": false,
         "checkpoint_format": "%s", "lm_head": true}\
        """
            .formatted(bits, groupSize, actOrder, format);
    computesAsDecoded(
        config,
        name -> QuantizedFolder.isLinear(name) || name.equals("lm_head.weight"),
        (module, w, n, k) ->
            Gptq.tensors(
                module,
                rounded(w, n, k, groupSize, bits, actOrder ? shuffled(k, groupSize) : null),
                bits,
                format.equals("gptq_v2")));
  }

  @Test
  void awqLeavesLayersAlone() throws IOException {
    String config =
        """
        {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": true,
         "version": "gemm", "modules_to_not_convert": ["down_proj", "lm_head"]}\
        """;
    computesAsDecoded(
        config,
        name -> QuantizedFolder.isLinear(name) && !name.contains("down_proj"),
        (module, w, n, k) -> Awq.tensors(module, rounded(w, n, k, 32, 4, null)));
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "4", "5", "6", "8"})
  void hqq(int bits) throws IOException {
    computesAsDecoded(
        """
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": %d}},
         "skip_modules": ["lm_head"]}\
        """
            .formatted(bits),
        QuantizedFolder::isLinear,
        (module, w, n, k) -> SavedLayers.hqq(module, w, n, k, bits));
  }

  @Test
  void aqlm() throws IOException {
    computesAsDecoded(
        """
        {"quant_method": "aqlm", "nbits_per_codebook": 8, "num_codebooks": 2,
         "in_group_size": 8, "out_group_size": 1,
         "linear_weights_not_to_quantize": ["lm_head.weight"]}\
        """,
        QuantizedFolder::isLinear,
        SavedLayers::aqlm);
  }

  @Test
  void mxfp4() throws IOException {
    computesAsDecoded(
        "{\"quant_method\": \"mxfp4\"}", QuantizedFolder::isLinear, SavedLayers::mxfp4);
  }

  @Test
  void fp8() throws IOException {
    computesAsDecoded(
        """
        {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
         "weight_block_size": [16, 40]}\
        """, // the last blocks of 64 inputs are smaller
        QuantizedFolder::isLinear,
        (module, w, n, k) -> SavedLayers.fp8(module, w, n, k, 16, 40));
  }

  @Test
  void aLayerThatIsNowhereIsMissedByName() throws IOException {
    Path at =
        new QuantizedFolder(folder)
            .save(
                "{\"quant_method\": \"awq\", \"group_size\": 32}",
                QuantizedFolder::isLinear,
                (module, w, n, k) ->
                    module.equals("model.layers.1.mlp.up_proj")
                        ? List.of()
                        : Awq.tensors(module, rounded(w, n, k, 32, 4, null)));
    try (Backend backend = new VectorBackend();
        Pretrained stored = Pretrained.open(at)) {
      assertThatThrownBy(() -> stored.load(backend))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("model.layers.1.mlp.up_proj");
      assertThat(backend.memory().used()).isZero();
    }
  }

  @Test
  void methodIsToldWithoutReadingWeights() throws IOException {
    Path at = new QuantizedFolder(folder).save("{\"quant_method\": \"quark\"}", n -> false, null);
    try (Pretrained stored = Pretrained.open(at)) {
      assertThatThrownBy(stored::quantization)
          .isInstanceOf(FormatException.class)
          .hasMessageContainingAll("config.json", "quant_method", "quark", "gptq");
    }
  }
}
