package llmengine.quant.bnb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.quant.HostMemory;
import llmengine.quant.WeightQuantizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FourBitTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "nf4_block64",
        "nf4_block64_double",
        "nf4_block128_bf16",
        "nf4_block128_double_f16",
        "nf4_ragged_odd",
        "nf4_zero_block",
        "fp4_block64",
        "fp4_block128_double"
      })
  void bytesAndValuesAreThoseOfBitsAndBytes(String name) {
    try (Golden golden = Golden.open(name);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      boolean nested = golden.has("absmax_code");
      int block = golden.json().get("blocksize").asInt();
      FourBitQuantizer quantizer =
          golden.json().get("quant_type").asText().equals("nf4")
              ? FourBitQuantizer.nf4(block, nested)
              : FourBitQuantizer.fp4(block, nested);
      Tensor weight = golden.tensor(scope, "weight");
      Tensor packed = quantizer.quantize(scope, "w", weight);
      Packing packing = packed.packing();
      List<Tensor> parts = packing.parts();
      assertThat(packing.bytes()).isEqualTo(quantizer.bytes(weight.rows(), weight.cols()));
      assertThat(bytes(parts.get(0))).isEqualTo(golden.bytes("packed"));
      if (nested) {
        assertThat(bytes(parts.get(1))).isEqualTo(golden.bytes("absmax_code"));
        assertThat(parts.get(2).toFloats()).isEqualTo(golden.floats(scope, "nested_absmax"));
        assertThat(Blockwise8.SIGNED.table()).isEqualTo(golden.floats(scope, "nested_table"));
      } else {
        assertThat(parts.get(1).toFloats()).isEqualTo(golden.floats(scope, "absmax"));
      }
      Tensor rounded = scope.empty(weight.dtype(), weight.shape().dims()).set(packed.toFloats());
      assertThat(rounded.toFloats()).isEqualTo(golden.floats(scope, "dequantised"));
    }
  }

  @Test
  void tablesAreThoseOfBitsAndBytes() {
    try (Golden golden = Golden.open("maps_8bit");
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      assertThat(Nf4.CODE.values()).isEqualTo(golden.floats(scope, "nf4"));
      assertThat(Fp4.CODE.values()).isEqualTo(golden.floats(scope, "fp4"));
      assertThat(Blockwise8.SIGNED.table()).isEqualTo(golden.floats(scope, "dynamic_signed"));
      assertThat(Blockwise8.UNSIGNED.table()).isEqualTo(golden.floats(scope, "dynamic_unsigned"));
    }
  }

  /** Values that a code stands for are not changed; all others by at most half the widest gap. */
  @ParameterizedTest
  @CsvSource({
    "nf4, 1, 1",
    "nf4, 1, 63",
    "nf4, 3, 64",
    "nf4, 7, 65",
    "nf4, 31, 127",
    "nf4, 1000, 576",
    "fp4, 5, 3",
    "fp4, 13, 100",
    "fp4, 64, 257"
  })
  void errorIsBoundedAndDecodedValuesStay(String type, int rows, int cols) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] values = normal(rows * cols, 7);
      Tensor weight = scope.of(values, rows, cols);
      var quantizer = WeightQuantizers.of("bnb", 4, type, false);
      Tensor packed = quantizer.quantize(scope, "w", weight);
      assertThat(packed.dtype()).isEqualTo(DType.PACKED);
      assertThat(packed.packing().name()).isEqualTo(type);
      float[] decoded = packed.toFloats();
      double gap = type.equals("nf4") ? 0.1519 : 1 / 6.0;
      for (int i = 0; i < values.length; i++) {
        int from = i / 64 * 64;
        float scale = Blockwise8.largest(values, from, Math.min(64, values.length - from));
        assertThat(Math.abs(values[i] - decoded[i])).isLessThanOrEqualTo((float) gap * scale);
      }
      Tensor again = quantizer.quantize(scope, "w", scope.of(decoded, rows, cols));
      assertThat(again.toFloats()).isEqualTo(decoded);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anyPanelDecodesAsTheWhole(boolean nested) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      int rows = 37;
      int cols = 101; // odd: bytes and blocks are shared by rows
      Tensor packed =
          FourBitQuantizer.nf4(64, nested)
              .quantize(scope, "w", scope.of(normal(rows * cols, 3), rows, cols));
      float[] whole = packed.toFloats();
      Random random = new Random(5);
      for (int trial = 0; trial < 200; trial++) {
        int row = random.nextInt(rows);
        int col = random.nextInt(cols);
        int h = 1 + random.nextInt(rows - row);
        int w = 1 + random.nextInt(cols - col);
        float[] panel = new float[2 + h * (w + 3)];
        packed.packing().decode(row, col, h, w, panel, 2, w + 3);
        for (int r = 0; r < h; r++) {
          for (int c = 0; c < w; c++) {
            assertThat(panel[2 + r * (w + 3) + c]).isEqualTo(whole[(row + r) * cols + col + c]);
          }
          assertThat(panel[2 + r * (w + 3) + w]).isZero();
        }
      }
    }
  }

  @Test
  void severalChunksAreEncodedAsOne() {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      int rows = 700; // three chunks
      int cols = 1000;
      float[] values = normal(rows * cols, 11);
      Tensor matrix = scope.of(values, rows, cols);
      Tensor flat = scope.of(values, 1, rows * cols);
      assertThat(FourBitQuantizer.nf4(64, true).quantize(scope, "w", matrix).toFloats())
          .isEqualTo(FourBitQuantizer.nf4(64, true).quantize(scope, "w", flat).toFloats());
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void valuesThatAreNotFiniteAreRefused(float bad) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] values = normal(4 * 70, 1);
      values[3 * 70 + 5] = bad;
      Tensor weight = scope.of(values, 4, 70);
      for (int bits : new int[] {4, 8}) {
        var quantizer = WeightQuantizers.of("bnb", bits, "nf4", true);
        assertThatThrownBy(() -> quantizer.quantize(scope, "some.weight", weight))
            .isInstanceOf(FormatException.class)
            .hasMessageStartingWith("some.weight: can't be quantized: expected finite values")
            .hasMessageContaining("row 3");
      }
    }
  }

  @Test
  void unknownFormatsAreRefused() {
    assertThatThrownBy(() -> WeightQuantizers.of("bnb", 5, "nf4", true))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("expected [4, 8] bits");
    assertThatThrownBy(() -> FourBitQuantizer.nf4(48, true))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("power of two");
  }

  static float[] normal(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * 0.05f;
    }
    return values;
  }

  static byte[] bytes(Tensor t) {
    return HostMemory.of(t).toArray(ValueLayout.JAVA_BYTE);
  }
}
