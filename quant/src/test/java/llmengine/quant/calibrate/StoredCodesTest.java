package llmengine.quant.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import llmengine.engine.Backend;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;
import llmengine.quant.SharedFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Codes written as the packages that read them pack and unpack them. */
class StoredCodesTest {
  private final Backend backend = new ScalarBackend();

  @ParameterizedTest
  @CsvSource({
    "gptq_3bit_v1, 3",
    "gptq_4bit_v1, 4",
    "gptq_4bit_v1_act_order, 4",
    "gptq_8bit_v1, 8",
    "awq_gemm_group32, 4",
    "awq_gemm_group64, 4"
  })
  void bytesEqualTheGolden(String name, int bits) throws IOException {
    Path folder = SharedFiles.path("golden/open/F_quant/" + name);
    boolean awq = name.startsWith("awq");
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("golden.safetensors"));
        Scope scope = new Scope(backend, "test")) {
      Map<String, StoredTensor> golden = file.tensors();
      int k = (int) golden.get("codes").shape()[0]; // (K, N)
      int n = (int) golden.get("codes").shape()[1];
      int groups = (int) golden.get("scales").shape()[0];
      int[] groupOf = IntStream.range(0, k).map(c -> c / (k / groups)).toArray();
      if (!awq) {
        groupOf = golden.get("g_idx").data().toArray(ValueLayout.JAVA_INT);
      }
      CodeGrid grid = awq ? CodeGrid.awq() : CodeGrid.gptq(bits, false);
      ColumnGroups columns = new ColumnGroups(IntStream.range(0, k).toArray(), groupOf, groups);
      GroupedCodes codes = new GroupedCodes(scope, grid, n, columns);
      byte[] given = golden.get("codes").data().toArray(ValueLayout.JAVA_BYTE);
      byte[] zeros = golden.get("zeros").data().toArray(ValueLayout.JAVA_BYTE);
      short[] scales = golden.get("scales").data().toArray(ValueLayout.JAVA_SHORT_UNALIGNED);
      for (int row = 0; row < n; row++) {
        for (int c = 0; c < k; c++) {
          codes.put(row, c, Byte.toUnsignedInt(given[c * n + row]));
        }
        for (int g = 0; g < groups; g++) {
          float scale = Float.float16ToFloat(scales[g * n + row]);
          codes.group(row, g, scale, Byte.toUnsignedInt(zeros[g * n + row]));
        }
      }
      StoredCodes layout = awq ? StoredCodes.AWQ : StoredCodes.GPTQ;
      for (TensorSource tensor : layout.tensors("layer", codes)) {
        StoredTensor expected = golden.get(tensor.name().substring("layer.".length()));
        assertThat(tensor.shape()).as(tensor.name()).isEqualTo(expected.shape());
        assertThat(bytes(tensor))
            .as(tensor.name())
            .isEqualTo(expected.data().toArray(ValueLayout.JAVA_BYTE));
      }
    }
  }

  /** Reads the words back one code at a time, by the formulas of the layouts. */
  @ParameterizedTest
  @CsvSource({"2, 48, 32", "3, 64, 96", "4, 40, 24", "8, 12, 20"})
  void gptqWordsHoldEveryCode(int bits, int k, int n) throws IOException {
    try (Scope scope = new Scope(backend, "test")) {
      CodeGrid grid = CodeGrid.gptq(bits, false);
      GroupedCodes codes =
          Gptq.roundToNearest(ColumnGroups.sequential(k, 10), grid) // the last group is smaller
              .quantize(scope, Matrices.normal(scope, bits, n, k))
              .codes();
      StoredCodes.GPTQ.check("layer", n, k, bits, 10);
      Map<String, byte[]> stored = new TreeMap<>();
      for (TensorSource tensor : StoredCodes.GPTQ.tensors("layer", codes)) {
        stored.put(tensor.name(), bytes(tensor));
      }
      int groups = (k + 9) / 10;
      assertThat(stored.get("layer.scales")).hasSize(2 * groups * n);
      for (int row = 0; row < n; row++) {
        for (int c = 0; c < k; c++) {
          int column = row;
          assertThat(bit(stored.get("layer.qweight"), c, bits, w -> w * n + column))
              .isEqualTo(codes.code(row, c));
        }
        for (int g = 0; g < groups; g++) {
          int line = g * n * bits / 32;
          assertThat(bit(stored.get("layer.qzeros"), row, bits, w -> line + w) + 1)
              .isEqualTo(codes.zero(row, g));
        }
      }
    }
  }

  /** Code {@code i} of a stream of words, of which {@code place} says where each lies. */
  private static int bit(byte[] bytes, int i, int bits, java.util.function.IntUnaryOperator place) {
    int code = 0;
    for (int b = 0; b < bits; b++) {
      int at = i * bits + b;
      int byteAt = 4 * place.applyAsInt(at / 32) + at % 32 / 8;
      code |= (bytes[byteAt] >> at % 8 & 1) << b;
    }
    return code;
  }

  @Test
  void shapesThatDoNotFitAreNamedWithWhatWould() {
    StoredCodes.AWQ.check("layer", 576, 576, 4, 64);
    assertThatThrownBy(() -> StoredCodes.AWQ.check("layer", 576, 576, 4, 128))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("576 inputs")
        .hasMessageContaining("64 or 32 or 16 or -1");
    assertThatThrownBy(() -> StoredCodes.GPTQ.check("layer", 32, 40, 3, 128))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("multiples of 32 for 3 bits");
  }

  private static byte[] bytes(TensorSource tensor) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    tensor.body().writeTo(piece -> out.writeBytes(piece.toArray(ValueLayout.JAVA_BYTE)));
    long values = Arrays.stream(tensor.shape()).reduce(1, (a, b) -> a * b);
    assertThat(out.size()).isEqualTo(Math.toIntExact(values * tensor.type().bits() / 8));
    return out.toByteArray();
  }
}
