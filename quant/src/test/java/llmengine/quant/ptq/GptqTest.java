package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.FormatException;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.TensorSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqTest {
  @TempDir Path folder;

  private static String config(int bits, int group, boolean v2) {
    return """
    {"quant_method": "gptq", "bits": %d, "group_size": %d, "checkpoint_format": "%s"}\
    """
        .formatted(bits, group, v2 ? "gptq_v2" : "gptq");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gptq_2bit_v2",
        "gptq_3bit_v1",
        "gptq_4bit_v1",
        "gptq_4bit_v1_act_order",
        "gptq_4bit_v2",
        "gptq_4bit_v2_act_order_sym",
        "gptq_8bit_v1"
      })
  void bytesAndValuesAreThoseOfTheReference(String name) {
    try (Golden golden = Golden.open(name)) {
      int bits = golden.json().get("bits").asInt();
      int group = golden.json().get("group_size").asInt();
      boolean v2 = golden.json().get("checkpoint_format").asText().equals("gptq_v2");
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
              golden.ints("g_idx"));
      List<TensorSource> tensors = Gptq.tensors("x", layer, bits, v2);
      for (String part : List.of("qweight", "qzeros", "scales", "g_idx")) {
        assertThat(Layers.body(tensors, "x." + part)).as(part).isEqualTo(golden.bytes(part));
      }
      assertThat(Layers.load(folder, config(bits, group, v2), tensors, n, k))
          .isEqualTo(golden.floats("weight"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2, 32, false, true",
    "3, 64, true, false",
    "4, 128, false, false",
    "4, -1, true, true",
    "8, 32, true, false",
    "4, 40, true, false",
    "3, -1, false, true"
  })
  void whatIsStoredComesBack(int bits, int group, boolean actOrder, boolean v2) {
    int n = 96;
    int k = 2208; // more than one panel, and no multiple of 64
    QuantizedLayer layer = Layers.random(n, k, group == -1 ? k : group, bits, actOrder);
    List<TensorSource> tensors = Gptq.tensors("x", layer, bits, v2);
    float[] loaded = Layers.load(folder, config(bits, group, v2), tensors, n, k);
    assertThat(loaded).isEqualTo(Layers.values(layer, bits));
  }

  @Test
  void groupsAreInOrderWithoutIndexOrWithOneOfZeros() {
    QuantizedLayer layer = Layers.random(32, 96, 32, 4, false);
    List<TensorSource> tensors = Gptq.tensors("x", layer, 4, false);
    float[] values = Layers.values(layer, 4);
    String config = config(4, 32, false);
    assertThat(Layers.load(folder, config, Layers.with(tensors, "x.g_idx", null), 32, 96))
        .isEqualTo(values);
    var zeros = Layers.ints("x.g_idx", new int[96], 96);
    assertThat(Layers.load(folder, config, Layers.with(tensors, "x.g_idx", zeros), 32, 96))
        .isEqualTo(values);
  }

  @Test
  void damagedLayersAreRefusedByName() {
    List<TensorSource> good = Gptq.tensors("x", Layers.random(32, 96, 32, 4, true), 4, false);
    int[] order = new int[96];
    order[7] = 3;
    refused(good, "x.g_idx", Layers.ints("x.g_idx", order, 96), "0 to 2", "3 at 7");
    order[7] = -1;
    refused(good, "x.g_idx", Layers.ints("x.g_idx", order, 96), "-1 at 7");
    refused(good, "x.g_idx", Layers.ints("x.g_idx", new int[95], 95), "[96]", "[95]");
    refused(good, "x.qzeros", null, "x.qzeros", "none");
    refused(good, "x.scales", null, "x.scales", "none");
    refused(good, "x.qweight", Layers.ints("x.qweight", new int[11 * 32], 11, 32), "[12, 32]");
    refused(
        good, "x.qweight", Layers.floats("x.qweight", new float[12 * 32], 12, 32), "I32", "F32");
    float[] scales = new float[96];
    Arrays.fill(scales, 1);
    scales[40] = Float.NaN;
    refused(good, "x.scales", Layers.floats("x.scales", scales, 3, 32), "finite", "NaN", "40");
    scales[40] = 0;
    refused(good, "x.scales", Layers.floats("x.scales", scales, 3, 32), "other than 0", "40");
    refused(good, "x.scales", Layers.floats("x.scales", scales, 32, 3), "[3, 32]", "[32, 3]");
    refused(
        good,
        "x.scales",
        TensorSource.of(
            "x.scales",
            SafetensorsType.I64,
            new long[] {3, 32},
            MemorySegment.ofArray(new long[96])),
        "F32, F16 or BF16");
  }

  private void refused(
      List<TensorSource> good, String name, TensorSource instead, String... words) {
    List<TensorSource> bad = Layers.with(good, name, instead);
    assertThatThrownBy(() -> Layers.load(folder, config(4, 32, false), bad, 32, 96))
        .satisfies(
            e ->
                assertThat(e)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining(name)
                    .hasMessageContainingAll(words));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'bits': 5} | bits",
        "{'bits': 999999999999} | bits",
        "{'bits': '4'} | bits",
        "{} | bits",
        "{'bits': 4, 'group_size': 0} | group_size",
        "{'bits': 4, 'group_size': -2} | group_size",
        "{'bits': 4, 'checkpoint_format': 'marlin'} | checkpoint_format",
        "{'bits': 4, 'format': 'bitblas'} | format",
        "{'bits': 4, 'dynamic': {'+:.*': {'bits': 8}}} | dynamic"
      })
  void settingsThatCannotBeReadAreRefused(String settings, String key) {
    String config =
        settings.replace('\'', '"').replaceFirst("\\{", "{\"quant_method\": \"gptq\", ");
    assertThatThrownBy(() -> Layers.quantization(config.replace(", }", "}")))
        .satisfies(
            e ->
                assertThat(e)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining("config.json: quantization_config." + key));
  }

  @Test
  void sizesThatDoNotFillWordsAreRefused() {
    QuantizedLayer layer = Layers.random(30, 96, 32, 4, false);
    assertThatThrownBy(() -> Gptq.tensors("x", layer, 4, false))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("multiples of 32");
    List<TensorSource> good = Gptq.tensors("x", Layers.random(32, 96, 32, 4, false), 4, false);
    assertThatThrownBy(() -> Layers.load(folder, config(4, 32, false), good, 30, 96))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("whole words");
    assertThatThrownBy(() -> Layers.load(folder, config(4, 32, false), good, 32, 1 << 30))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("x.qweight");
  }
}
