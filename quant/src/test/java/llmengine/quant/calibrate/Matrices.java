package llmengine.quant.calibrate;

import java.util.SplittableRandom;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/** Random matrices for tests, and sums in double. */
final class Matrices {
  private Matrices() {}

  static Tensor normal(Scope scope, long seed, int rows, int cols) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return scope.of(values, rows, cols);
  }

  /** Inputs (M, K) whose channels depend on each other and have very different sizes. */
  static Tensor correlated(Scope scope, long seed, int rows, int cols) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[rows * cols];
    for (int r = 0; r < rows; r++) {
      double state = 0;
      for (int c = 0; c < cols; c++) {
        state = 0.9 * state + random.nextGaussian();
        values[r * cols + c] = (float) (state * (c % 7 == 3 ? 8 : 0.5));
      }
    }
    return scope.of(values, rows, cols);
  }

  /** tr(D H D^T) for D = Q - W, with {@code added} on the diagonal of H. */
  static double error(GroupedCodes q, float[] w, float[] h, double added) {
    int k = q.cols();
    float[] decoded = new float[q.rows() * k];
    q.decode(0, 0, q.rows(), k, decoded, 0, k);
    double sum = 0;
    double[] d = new double[k];
    for (int n = 0; n < q.rows(); n++) {
      for (int i = 0; i < k; i++) {
        d[i] = (double) decoded[n * k + i] - w[n * k + i];
      }
      for (int i = 0; i < k; i++) {
        double inner = added * d[i];
        for (int j = 0; j < k; j++) {
          inner += h[i * k + j] * d[j];
        }
        sum += d[i] * inner;
      }
    }
    return sum;
  }
}
