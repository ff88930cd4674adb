package llmengine.quant.bnb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.op.Linear;
import llmengine.quant.WeightQuantizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Int8Test {
  @ParameterizedTest
  @ValueSource(
      strings = {"int8_outliers", "int8_no_outlier_bias", "int8_single_row", "int8_threshold_off"})
  void codesAndProductsAreThoseOfBitsAndBytes(String name) {
    try (Golden golden = Golden.open(name);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      float threshold = golden.json().path("threshold").floatValue();
      Tensor packed = new Int8Quantizer(threshold).quantize(scope, "w", golden.tensor(scope, "W"));
      var parts = packed.packing().parts();
      assertThat(FourBitTest.bytes(parts.get(0))).isEqualTo(golden.bytes("CB"));
      assertThat(parts.get(1).toFloats()).isEqualTo(golden.floats(scope, "SCB"));
      close(packed.toFloats(), golden.floats(scope, "weight_dequantised"), 1e-6f);

      Tensor a = golden.tensor(scope, "A");
      Tensor x = scope.empty(DType.F32, a.shape().dims()).set(a.toFloats());
      Tensor bias =
          golden.has("bias") ? scope.of(golden.floats(scope, "bias"), packed.rows()) : null;
      float[] y = Linear.apply(Tape.inference(scope), x, packed, bias).toFloats();
      close(y, golden.floats(scope, "output"), 2e-2f);
      float[] exact = golden.floats(scope, "output_exact_float32");
      close(y, exact, 5e-3f);

      assertActivationCodes(golden, scope, a, threshold);
    }
  }

  private static void assertActivationCodes(Golden golden, Scope scope, Tensor a, float threshold) {
    float[] codes = golden.floats(scope, "CA");
    float[] scales = golden.floats(scope, "SCA");
    boolean[] outlier = new boolean[a.cols()];
    float[] values = a.toFloats();
    for (int i = 0; i < values.length; i++) {
      outlier[i % a.cols()] |= threshold > 0 && Math.abs(values[i]) >= threshold;
    }
    for (int m = 0; m < a.rows(); m++) {
      float[] row = a.rows(m, m + 1).toFloats();
      assertThat(Int8Matrix.encode(row, threshold, outlier)).isEqualTo(scales[m]);
      assertThat(row)
          .isEqualTo(java.util.Arrays.copyOfRange(codes, m * row.length, (m + 1) * row.length));
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 7", "5, 31", "16, 64", "33, 257"})
  void errorIsHalfACodeAndDecodedValuesStay(int rows, int cols) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] values = FourBitTest.normal(rows * cols, 2);
      var quantizer = WeightQuantizers.of("bnb", 8, "nf4", true);
      Tensor packed = quantizer.quantize(scope, "w", scope.of(values, rows, cols));
      float[] decoded = packed.toFloats();
      for (int i = 0; i < values.length; i++) {
        float scale = Blockwise8.largest(values, i / cols * cols, cols);
        assertThat(decoded[i]).isCloseTo(values[i], within(scale * (0.5f / 127 + 1e-3f)));
      }
      assertThat(packed.packing().bytes()).isEqualTo(quantizer.bytes(rows, cols));
      float[] panel = new float[1];
      packed.packing().decode(rows - 1, cols - 1, 1, 1, panel, 0, 1);
      assertThat(panel[0]).isEqualTo(decoded[decoded.length - 1]);
    }
  }

  /** Generated tokens: what else is in the batch changes nothing, bit for bit. */
  @Test
  void rowsDoNotDependOnEachOther() {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor w =
          new Int8Quantizer(Int8Quantizer.THRESHOLD)
              .quantize(scope, "w", scope.of(FourBitTest.normal(20 * 48, 1), 20, 48));
      float[] values = FourBitTest.normal(5 * 48, 9);
      values[48 + 7] = 30; // an outlier in row 1 only
      values[3 * 48 + 9] = -8;
      Tensor x = scope.of(values, 5, 48);
      float[] all = Linear.apply(Tape.inference(scope).withRows(), x, w, null).toFloats();
      for (int m = 0; m < 5; m++) {
        float[] one =
            Linear.apply(Tape.inference(scope).withRows(), x.rows(m, m + 1), w, null).toFloats();
        for (int n = 0; n < 20; n++) {
          assertThat(one[n]).isEqualTo(all[m * 20 + n]);
        }
      }
    }
  }

  /** Training multiplies with decoded values, forward and backward, also when it recomputes. */
  @Test
  void trainingUsesDecodedValues() {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor packed =
          new Int8Quantizer(Int8Quantizer.THRESHOLD)
              .quantize(scope, "w", scope.of(FourBitTest.normal(20 * 48, 1), 20, 48));
      Tensor dense = scope.of(packed.toFloats(), 20, 48);
      float[] values = FourBitTest.normal(5 * 48, 9);
      values[7] = 30;
      assertThat(trained(scope, values, packed, false))
          .isEqualTo(trained(scope, values, dense, false))
          .isEqualTo(trained(scope, values, packed, true));
    }
  }

  private static float[] trained(Scope scope, float[] values, Tensor w, boolean recomputes) {
    Tape tape = Tape.training(scope);
    Tensor x = scope.of(values, 5, 48).needsGrad(true);
    Tensor y =
        recomputes
            ? tape.checkpoint("block", x, 0, (t, in) -> Linear.apply(t, in, w, null))
            : Linear.apply(tape, x, w, null);
    float[] out = y.toFloats();
    y.grad(scope.of(out, 5, 20));
    tape.backward();
    float[] both = java.util.Arrays.copyOf(out, out.length + values.length);
    System.arraycopy(x.grad().toFloats(), 0, both, out.length, values.length);
    return both;
  }

  private static void close(float[] got, float[] expected, float tolerance) {
    assertThat(got).hasSameSizeAs(expected);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).as("at %d", i).isCloseTo(expected[i], within(tolerance));
    }
  }
}
