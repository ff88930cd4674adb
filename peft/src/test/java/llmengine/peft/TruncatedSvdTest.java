package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Decompositions of matrices whose singular values are known, or are computed in double. */
class TruncatedSvdTest {
  private final Backend backend = TestBackends.create();

  @AfterEach
  void memoryIsGivenBack() {
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  @Test
  void exactFindsTheKnownDirectionsWhateverTheShape() {
    // below and above the size from which the whole spectrum is too much
    for (int[] shape : new int[][] {{30, 50}, {50, 30}, {7, 300}, {200, 260}, {260, 200}}) {
      try (Scope scope = new Scope(backend, "test")) {
        double[] values = decaying(Math.min(shape[0], shape[1]), 0.9);
        Tensor w = withValues(scope, shape[0], shape[1], values);
        check(w, TruncatedSvd.exact(scope, w, 6, 1), values, 6, 2e-5);
      }
    }
  }

  @Test
  void exactSeparatesValuesThatAreCloseTogether() {
    try (Scope scope = new Scope(backend, "test")) {
      double[] values = decaying(220, 0.995);
      Tensor w = withValues(scope, 230, 220, values);
      check(w, TruncatedSvd.exact(scope, w, 8, 1), values, 8, 2e-4);
    }
  }

  @Test
  void exactCopesWithOneDirectionFarAboveTheOthers() {
    try (Scope scope = new Scope(backend, "test")) {
      double[] values = decaying(200, 0.97);
      values[0] = 1000;
      Tensor w = withValues(scope, 200, 240, values);
      check(w, TruncatedSvd.exact(scope, w, 5, 1), values, 5, 2e-5);
    }
  }

  @Test
  void fastComesCloserWithEachIteration() {
    try (Scope scope = new Scope(backend, "test")) {
      double[] values = decaying(60, 0.9);
      Tensor w = withValues(scope, 60, 90, values);
      double before = Double.POSITIVE_INFINITY;
      for (int iterations : new int[] {0, 2, 8, 64}) {
        double error = distance(w, TruncatedSvd.fast(scope, w, 5, iterations, 3));
        assertThat(error).as("after %d", iterations).isLessThanOrEqualTo(before * 1.0001);
        before = error;
      }
      check(w, TruncatedSvd.fast(scope, w, 5, 64, 3), values, 5, 1e-3);
    }
  }

  @Test
  void weightsOfLowRankAndOfZerosHaveZeroValues() {
    for (int side : new int[] {20, 200}) {
      try (Scope scope = new Scope(backend, "test")) {
        double[] values = new double[side];
        values[0] = 3;
        values[1] = 1;
        Tensor w = withValues(scope, side, side + 3, values);
        for (TruncatedSvd svd :
            new TruncatedSvd[] {
              TruncatedSvd.exact(scope, w, 4, 1), TruncatedSvd.fast(scope, w, 4, 2, 1)
            }) {
          assertThat(svd.values()[1]).isCloseTo(1, within(1e-5));
          assertThat(svd.values()[3]).isCloseTo(0, within(1e-5));
          assertThat(distance(w, svd)).isLessThan(1e-5);
        }
        backend.fill(w, 0);
        assertThat(TruncatedSvd.exact(scope, w, 4, 1).values()).containsOnly(0);
        assertThat(TruncatedSvd.fast(scope, w, 4, 2, 1).values()).containsOnly(0);
      }
    }
  }

  private static double[] decaying(int n, double factor) {
    double[] values = new double[n];
    for (int i = 0; i < n; i++) {
      values[i] = Math.pow(factor, i);
    }
    return values;
  }

  private Tensor withValues(Scope scope, int n, int k, double[] values) {
    Tensor left = orthonormal(scope, values.length, n, 11);
    Tensor right = orthonormal(scope, values.length, k, 12);
    for (int i = 0; i < values.length; i++) {
      Tensor row = right.rows(i, i + 1);
      backend.scale(row, (float) values[i], row, false);
    }
    Tensor w = scope.empty(DType.F32, n, k);
    backend.matmulTN(left, right, 1, w, false);
    return w;
  }

  private Tensor orthonormal(Scope scope, int rows, int cols, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Tensor x = scope.empty(DType.F32, rows, cols).set(values);
    Orthonormal.rows(x);
    return x;
  }

  /** Values, orthonormal rows, and the distance to W that the values left out explain. */
  private void check(Tensor w, TruncatedSvd svd, double[] values, int rank, double bound) {
    double left = 0;
    for (int i = 0; i < values.length; i++) {
      if (i < rank) {
        assertThat(svd.values()[i] / values[i]).isCloseTo(1, within(bound));
      } else {
        left += values[i] * values[i];
      }
    }
    assertThat(distance(w, svd)).isCloseTo(Math.sqrt(left), within(bound * values[0]));
    for (Tensor rows : new Tensor[] {svd.left(), svd.right()}) {
      double[][] inner = Orthonormal.inner(rows);
      for (int i = 0; i < rank; i++) {
        for (int j = 0; j < rank; j++) {
          assertThat(inner[i][j]).isCloseTo(i == j ? 1 : 0, within(1e-3));
        }
      }
    }
  }

  /** Frobenius norm of W - left^T diag(values) right. */
  private double distance(Tensor w, TruncatedSvd svd) {
    try (Scope scope = new Scope(backend, "test")) {
      Tensor scaled = scope.empty(DType.F32, svd.right().shape().dims());
      for (int i = 0; i < svd.values().length; i++) {
        float value = (float) svd.values()[i];
        backend.scale(svd.right().rows(i, i + 1), value, scaled.rows(i, i + 1), false);
      }
      Tensor rest = scope.empty(DType.F32, w.shape().dims());
      backend.copy(w, rest);
      backend.matmulTN(svd.left(), scaled, -1, rest, true);
      return Math.sqrt(backend.sumOfSquares(rest));
    }
  }
}
