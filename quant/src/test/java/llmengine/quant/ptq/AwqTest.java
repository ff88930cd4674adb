package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import llmengine.engine.FormatException;
import llmengine.engine.file.TensorSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AwqTest {
  @TempDir Path folder;

  private static String config(int group) {
    return """
    {"quant_method": "awq", "bits": 4, "group_size": %d, "version": "gemm"}\
    """
        .formatted(group);
  }

  @ParameterizedTest
  @ValueSource(strings = {"awq_gemm_group32", "awq_gemm_group64"})
  void bytesAndValuesAreThoseOfTheReference(String name) {
    try (Golden golden = Golden.open(name)) {
      int group = golden.json().get("group_size").asInt();
      int k = golden.rows("codes");
      int n = golden.cols("codes");
      QuantizedLayer layer =
          new QuantizedLayer(
              n,
              k,
              group,
              Layers.transposed(golden.bytes("codes"), k, n),
              golden.floats("scales"),
              golden.bytes("zeros"),
              null);
      List<TensorSource> tensors = Awq.tensors("x", layer);
      for (String part : List.of("qweight", "qzeros", "scales")) {
        assertThat(Layers.body(tensors, "x." + part)).as(part).isEqualTo(golden.bytes(part));
      }
      assertThat(Layers.load(folder, config(group), tensors, n, k))
          .isEqualTo(golden.floats("weight"));
    }
  }

  @ParameterizedTest
  @CsvSource({"40, 2200, 40", "8, 96, -1", "24, 4736, 128"})
  void whatIsStoredComesBack(int n, int k, int group) {
    QuantizedLayer layer = Layers.random(n, k, group == -1 ? k : group, 4, false);
    float[] loaded = Layers.load(folder, config(group), Awq.tensors("x", layer), n, k);
    assertThat(loaded).isEqualTo(Layers.values(layer, 4));
  }

  @Test
  void damagedLayersAreRefusedByName() {
    List<TensorSource> good = Awq.tensors("x", Layers.random(16, 64, 32, 4, false));
    refused(Layers.with(good, "x.qzeros", null), "x.qzeros");
    refused(
        Layers.with(good, "x.qweight", Layers.ints("x.qweight", new int[128], 2, 64)), "x.qweight");
    refused(
        Layers.with(good, "x.scales", Layers.floats("x.scales", new float[32], 2, 16)),
        "other than 0");
    assertThatThrownBy(() -> Layers.load(folder, config(48), good, 16, 64))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("whole groups of 48");
  }

  private void refused(List<TensorSource> bad, String word) {
    assertThatThrownBy(() -> Layers.load(folder, config(32), bad, 16, 64))
        .satisfies(
            e -> assertThat(e).isInstanceOf(FormatException.class).hasMessageContaining(word));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'bits': 3 | bits",
        "'w_bit': 8 | w_bit",
        "'version': 'gemv' | version",
        "'version': 'exllama' | version",
        "'zero_point': false | zero_point",
        "'group_size': 'x' | group_size"
      })
  void settingsThatCannotBeReadAreRefused(String setting, String key) {
    String config = "{\"quant_method\": \"awq\", " + setting.replace('\'', '"') + "}";
    assertThatThrownBy(() -> Layers.quantization(config))
        .satisfies(
            e ->
                assertThat(e)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining("quantization_config." + key));
  }

  @Test
  void otherMethodsAreRefusedWithWhatCanBeRead() {
    for (String method : List.of("compressed-tensors", "quark", "eetq", "torchao", "")) {
      assertThatThrownBy(() -> Layers.quantization("{\"quant_method\": \"" + method + "\"}"))
          .satisfies(
              e ->
                  assertThat(e)
                      .isInstanceOf(FormatException.class)
                      .hasMessageContainingAll("quant_method", "awq", "gptq", '"' + method + '"'));
    }
  }
}
