package llmengine.quant.calibrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AwqTest {
  private final Backend backend = new VectorBackend();

  @ParameterizedTest
  @ValueSource(ints = {16, 32, -1})
  void scalesAndClippingLowerTheErrorOfOutputs(int groupSize) {
    int n = 24;
    int k = 64;
    for (int seed = 1; seed <= 3; seed++) {
      try (Scope scope = new Scope(backend, "test")) {
        Tensor w = Matrices.normal(scope, seed, n, k);
        InputStatistics inputs = new InputStatistics(scope, k);
        inputs.add(Matrices.correlated(scope, seed, 200, k));
        Awq awq = new Awq(inputs, CodeGrid.awq(), groupSize);
        float[] ones = new float[k];
        Arrays.fill(ones, 1);
        float[] scales = awq.scales(List.of(w));
        double plain = error(scope, awq, w, ones, inputs, false);
        double scaled = error(scope, awq, w, scales, inputs, false);
        double clipped = error(scope, awq, w, scales, inputs, true);
        assertThat(scaled).isLessThan(0.9 * plain);
        assertThat(clipped).isLessThan(scaled);
        float least = Float.MAX_VALUE;
        float most = 0;
        for (float s : scales) {
          least = Math.min(least, s);
          most = Math.max(most, s);
        }
        assertThat(least * most).isBetween(0.999f, 1.001f);
      }
    }
    assertThat(backend.memory().used()).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 5})
  void equalInputsNeedNoScales(int k) {
    try (Scope scope = new Scope(backend, "test")) {
      InputStatistics inputs = new InputStatistics(scope, k);
      float[] x = new float[k];
      Arrays.fill(x, 2);
      inputs.add(scope.of(x, 1, k));
      Awq awq = new Awq(inputs, CodeGrid.awq(), -1);
      for (float s : awq.scales(List.of(Matrices.normal(scope, 1, 3, k)))) {
        assertThat(s).isBetween(0.9999f, 1.0001f);
      }
    }
  }

  /** Error of the layer's outputs: that of scaled weights on inputs divided by the scales. */
  private static double error(
      Scope scope, Awq awq, Tensor w, float[] scales, InputStatistics inputs, boolean clip) {
    int k = w.cols();
    float[] scaled = w.toFloats();
    float[] h = inputs.hessian().toFloats();
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= scales[i % k];
    }
    for (int i = 0; i < h.length; i++) {
      h[i] /= scales[i / k] * scales[i % k];
    }
    GroupedCodes codes = awq.quantize(scope, scope.of(scaled, w.rows(), k), scales, clip);
    return Matrices.error(codes, scaled, h, 0);
  }
}
