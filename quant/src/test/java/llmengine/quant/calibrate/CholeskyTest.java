package llmengine.quant.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CholeskyTest {
  private final Backend backend = new ScalarBackend();

  @ParameterizedTest
  @CsvSource({"1, 4", "3, 1", "7, 3", "16, 4", "33, 8", "65, 64", "20, 128"})
  void blockedEqualsUnblocked(int k, int block) {
    try (Scope scope = new Scope(backend, "test")) {
      Tensor blocked = positive(scope, k);
      Tensor whole = positive(scope, k);
      float[] a = blocked.toFloats();
      assertThat(Cholesky.factor(blocked, block)).isTrue();
      assertThat(Cholesky.factor(whole, k)).isTrue();
      assertClose(blocked.toFloats(), whole.toFloats(), 1e-5);
      Tensor product = scope.empty(DType.F32, k, k);
      backend.matmulNT(blocked, blocked, 1, product, false);
      assertClose(product.toFloats(), a, 1e-4);

      Tensor inverse = scope.empty(DType.F32, k, k);
      backend.copy(blocked, inverse);
      Cholesky.invertLower(inverse, block);
      backend.matmulNN(inverse, blocked, 1, product, false);
      float[] identity = new float[k * k];
      for (int i = 0; i < k; i++) {
        identity[i * k + i] = 1;
      }
      assertClose(product.toFloats(), identity, 1e-4);
    }
    assertThat(backend.memory().used()).isZero();
  }

  @Test
  void saysWhenAMatrixIsNotPositiveDefinite() {
    try (Scope scope = new Scope(backend, "test")) {
      assertThat(Cholesky.factor(scope.of(new float[] {1, 2, 2, 1}, 2, 2))).isFalse();
      assertThat(Cholesky.factor(scope.of(new float[] {1, 2, 2, 1}, 2, 2), 1)).isFalse();
      assertThat(Cholesky.factor(scope.of(new float[] {Float.NaN}, 1, 1))).isFalse();
    }
  }

  private static Tensor positive(Scope scope, int k) {
    InputStatistics statistics = new InputStatistics(scope, k);
    statistics.add(Matrices.normal(scope, 3, 2 * k + 1, k));
    Tensor h = statistics.hessian();
    float[] values = h.toFloats();
    for (int i = 0; i < k; i++) {
      values[i * k + i] += 1;
    }
    return h.set(values);
  }

  private static void assertClose(float[] actual, float[] expected, double bound) {
    double largest = 1;
    for (float e : expected) {
      largest = Math.max(largest, Math.abs(e));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) actual[i]).isCloseTo(expected[i], within(bound * largest));
    }
  }
}
