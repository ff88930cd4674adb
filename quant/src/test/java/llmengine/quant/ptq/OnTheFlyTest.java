package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.TensorSource;
import llmengine.quant.HostMemory;
import llmengine.quant.WeightQuantizer;
import llmengine.quant.WeightQuantizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** HQQ and EETQ: quantizing while loading, and files of HQQ. */
class OnTheFlyTest {
  @TempDir Path folder;

  private static byte[] bytes(Tensor part) {
    return HostMemory.of(part).toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hqq_1bit_axis0",
        "hqq_2bit_axis0",
        "hqq_3bit_axis0",
        "hqq_4bit_axis0",
        "hqq_4bit_axis1",
        "hqq_8bit_axis0"
      })
  void hqqSolvesAsTheReference(String name) {
    try (Golden golden = Golden.open(name);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      int bits = golden.json().get("nbits").asInt();
      int axis = golden.json().path("axis").asInt(0);
      int n = golden.rows("weight");
      int k = golden.cols("weight");
      Tensor weight = scope.of(golden.floats("weight"), n, k);
      Tensor packed = new HqqQuantizer(bits, 64, axis).quantize(scope, "x", weight);
      List<Tensor> parts = packed.packing().parts();
      assertThat(bytes(parts.get(0))).isEqualTo(golden.bytes("packed"));
      close(parts.get(1).toFloats(), golden.floats("scale"), 1e-6f);
      close(parts.get(2).toFloats(), golden.floats("zero"), 1e-4f);
      close(packed.toFloats(), golden.floats("dequantised"), 1e-5f);
      Layers.panelsEqualTheWhole(packed.packing());
    }
  }

  private static void close(float[] got, float[] expected, float bound) {
    assertThat(got).hasSameSizeAs(expected);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).as("%d", i).isCloseTo(expected[i], within(bound));
    }
  }

  /** A layer as hqq saves it. */
  static List<TensorSource> saved(Packing packing) {
    HqqLayout layout = ((Hqq) packing).layout();
    int group = layout.axis() == 0 ? layout.rows() : layout.cols();
    List<Tensor> parts = packing.parts();
    List<TensorSource> tensors = new ArrayList<>();
    boolean words = layout.elementBytes() == 4;
    tensors.add(
        Layers.bytes(
            "x.W_q",
            words ? SafetensorsType.I32 : SafetensorsType.U8,
            bytes(parts.get(0)),
            layout.step(),
            layout.cols()));
    long[] groups =
        layout.axis() == 0 ? new long[] {1, layout.cols()} : new long[] {layout.rows(), 1};
    tensors.add(Layers.floats("x.scale", parts.get(1).toFloats(), groups));
    tensors.add(Layers.floats("x.zero", parts.get(2).toFloats(), groups));
    tensors.add(Layers.ints("x.nbits", new int[] {layout.bits()}));
    tensors.add(Layers.ints("x.group_size", new int[] {group}));
    tensors.add(Layers.ints("x.axis", new int[] {layout.axis()}));
    tensors.add(shape(packing.rows(), packing.cols()));
    byte[] letters = layout.packing().getBytes(StandardCharsets.US_ASCII);
    tensors.add(Layers.bytes("x.packing", SafetensorsType.U8, letters, letters.length));
    tensors.add(Layers.bytes("x.quant_scale", SafetensorsType.U8, new byte[1]));
    tensors.add(Layers.bytes("x.quant_zero", SafetensorsType.U8, new byte[1]));
    return tensors;
  }

  private static TensorSource shape(int n, int k) {
    return TensorSource.of(
        "x.shape", SafetensorsType.I64, new long[] {2}, MemorySegment.ofArray(new long[] {n, k}));
  }

  private static float[] random(int count) {
    Random random = new Random(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 64, 0, 16, 96", "2, 64, 0, 128, 40", "3, 64, 0, 24, 200", "4, 64, 0, 7, 64",
    "5, 64, 0, 100, 64", "6, 32, 0, 64, 70", "8, 64, 0, 64, 2100", "3, 64, 1, 31, 64",
    "4, 32, 1, 96, 4160", "2, 16, 1, 8, 48", "8, 64, 1, 3, 64"
  })
  void hqqLayersOfAnyShapeAreSavedAndLoaded(int bits, int group, int axis, int n, int k) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] values = random(n * k);
      Tensor packed =
          new HqqQuantizer(bits, group, axis).quantize(scope, "x", scope.of(values, n, k));
      float[] decoded = packed.toFloats();
      double error = 0;
      for (int i = 0; i < values.length; i++) {
        error += Math.abs(decoded[i] - values[i]) / values.length;
      }
      assertThat(error).isLessThan(bits == 1 ? 1.4 : 1.8 / (1 << bits));
      Layers.panelsEqualTheWhole(packed.packing());
      assertThat(Layers.load(folder, "{\"quant_method\": \"hqq\"}", saved(packed.packing()), n, k))
          .isEqualTo(decoded);
    }
  }

  @Test
  void damagedHqqLayersAreRefused() {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor packed =
          new HqqQuantizer(4, 64, 0).quantize(scope, "x", scope.of(random(4096), 64, 64));
      List<TensorSource> good = saved(packed.packing());
      refused(good, "x.scale", null, "none");
      refused(good, "x.zero", null, "none");
      refused(good, "x.nbits", Layers.ints("x.nbits", new int[] {7}), "7");
      refused(good, "x.nbits", Layers.ints("x.nbits", new int[] {2}), "x.packing", "2bit_u8");
      refused(good, "x.nbits", Layers.ints("x.nbits", new int[2], 2), "one number");
      refused(good, "x.axis", Layers.ints("x.axis", new int[] {2}), "0 to 1");
      refused(good, "x.group_size", Layers.ints("x.group_size", new int[] {0}), "0");
      refused(good, "x.group_size", Layers.ints("x.group_size", new int[] {48}), "48");
      refused(good, "x.shape", shape(32, 128), "[64, 64]");
      refused(
          good,
          "x.quant_zero",
          Layers.bytes("x.quant_zero", SafetensorsType.U8, new byte[] {1}),
          "quantized themselves");
      refused(
          good, "x.W_q", Layers.bytes("x.W_q", SafetensorsType.U8, new byte[64], 64), "2048 bytes");
      refused(good, "x.scale", Layers.floats("x.scale", new float[64], 64), "other than 0");
      float[] zeros = new float[64];
      zeros[3] = Float.POSITIVE_INFINITY;
      refused(good, "x.zero", Layers.floats("x.zero", zeros, 64), "finite");
    }
  }

  private void refused(
      List<TensorSource> good, String name, TensorSource instead, String... words) {
    List<TensorSource> bad = Layers.with(good, name, instead);
    assertThatThrownBy(() -> Layers.load(folder, "{\"quant_method\": \"hqq\"}", bad, 64, 64))
        .satisfies(
            e ->
                assertThat(e)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining(": x.")
                    .hasMessageContainingAll(words));
  }

  @Test
  void eetqCodesAreThoseOfTheReference() {
    try (Golden golden = Golden.open("int8_per_channel");
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      int n = golden.rows("weight");
      int k = golden.cols("weight");
      Tensor weight = scope.of(golden.floats("weight"), n, k);
      Tensor packed = new EetqQuantizer().quantize(scope, "x", weight);
      List<Tensor> parts = packed.packing().parts();
      assertThat(bytes(parts.get(0))).isEqualTo(golden.bytes("codes_out_in"));
      assertThat(bytes(parts.get(1))).isEqualTo(golden.bytes("scales_half"));
      assertThat(packed.toFloats()).isEqualTo(golden.floats("dequantised"));
      Layers.panelsEqualTheWhole(packed.packing());
    }
  }

  @ParameterizedTest
  @CsvSource({"hqq, 4", "hqq, 3", "hqq, 1", "eetq, 8"})
  void memoryIsAsPlannedAndZerosStayZeros(String method, int bits) {
    WeightQuantizer quantizer = WeightQuantizers.of(method, bits, "nf4", true);
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor packed = quantizer.quantize(scope, "x", scope.zeros(DType.BF16, 48, 320));
      assertThat(packed.packing().bytes()).isEqualTo(quantizer.bytes(48, 320));
      assertThat(packed.toFloats()).containsOnly(0f);
    }
  }

  @ParameterizedTest
  @CsvSource({"hqq, 4, NaN", "hqq, 2, Infinity", "eetq, 8, NaN", "eetq, 8, -Infinity"})
  void weightsThatAreNotFiniteAreRefused(String method, int bits, float value) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] values = random(64 * 64);
      values[700] = value;
      Tensor weight = scope.of(values, 64, 64);
      WeightQuantizer quantizer = WeightQuantizers.of(method, bits, "nf4", true);
      assertThatThrownBy(() -> quantizer.quantize(scope, "x.weight", weight))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("x.weight: can't be quantized");
    }
  }

  @Test
  void shapesAndBitsThatDoNotFitAreRefused() {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor odd = scope.zeros(DType.F32, 7, 9);
      assertThatThrownBy(() -> new HqqQuantizer(4, 64, 0).quantize(scope, "x", odd))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("groups of 64");
    }
    assertThatThrownBy(() -> WeightQuantizers.of("hqq", 7, "nf4", true))
        .isInstanceOf(FormatException.class);
    assertThatThrownBy(() -> WeightQuantizers.of("eetq", 4, "nf4", true))
        .isInstanceOf(FormatException.class);
    assertThatThrownBy(() -> new HqqQuantizer(4, 64, 2)).isInstanceOf(FormatException.class);
  }
}
