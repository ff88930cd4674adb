package llmengine.quant.calibrate;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * Cholesky factor of a large symmetric matrix and its inverse, in place, block by block: all but
 * O(K^2 * BLOCK) of the O(K^3) work are the backend's products; the blocks on the diagonal are
 * computed in double.
 */
final class Cholesky {
  static final int BLOCK = 128;

  private Cholesky() {}

  /**
   * Overwrites a (K, K) symmetric with L, lower, a = L L^T; what is above the diagonal becomes 0.
   *
   * @return whether a is positive definite; if not, its values are spoilt
   */
  static boolean factor(Tensor a) {
    return factor(a, BLOCK);
  }

  static boolean factor(Tensor a, int block) {
    int k = a.rows();
    for (int from = 0; from < k; from += block) {
      int to = Math.min(k, from + block);
      int n = to - from;
      double[] diagonal = doubles(a.rows(from, to).columns(from, to).toFloats());
      if (!factor(diagonal, n)) {
        return false;
      }
      a.rows(from, to).columns(from, to).set(floats(diagonal));
      if (from > 0) {
        a.backend().fill(a.rows(0, from).columns(from, to), 0);
      }
      if (to == k) {
        break;
      }
      try (Scope scratch = new Scope(a.backend(), "calibration")) {
        Tensor inverse = scratch.empty(DType.F32, n, n).set(floats(inverse(diagonal, n)));
        Tensor panel = a.rows(to, k).columns(from, to);
        Tensor below = scratch.empty(DType.F32, k - to, n);
        a.backend().copy(panel, below);
        a.backend().matmulNT(below, inverse, 1, panel, false); // L21 = A21 L11^-T
        for (int j = to; j < k; j += block) { // A22 -= L21 L21^T, the lower part
          int end = Math.min(k, j + block);
          Tensor rest = a.rows(j, k).columns(j, end);
          Tensor left = a.rows(j, k).columns(from, to);
          a.backend().matmulNT(left, a.rows(j, end).columns(from, to), -1, rest, true);
        }
      }
    }
    return true;
  }

  /** Overwrites L (K, K), lower with zeros above, with its inverse. */
  static void invertLower(Tensor l) {
    invertLower(l, BLOCK);
  }

  static void invertLower(Tensor l, int block) {
    int k = l.rows();
    for (int from = 0; from < k; from += block) {
      int to = Math.min(k, from + block);
      int n = to - from;
      Tensor diagonal = l.rows(from, to).columns(from, to);
      float[] inverse = floats(inverse(doubles(diagonal.toFloats()), n));
      diagonal.set(inverse);
      if (from == 0) {
        continue;
      }
      try (Scope scratch = new Scope(l.backend(), "calibration")) {
        // row block i of the inverse: -L_ii^-1 (L_i,0..i-1 X_0..i-1)
        Tensor inner = scratch.empty(DType.F32, n, from);
        Tensor row = l.rows(from, to).columns(0, from);
        l.backend().matmulNN(row, l.rows(0, from).columns(0, from), 1, inner, false);
        Tensor dense = scratch.empty(DType.F32, n, n).set(inverse);
        l.backend().matmulNN(dense, inner, -1, row, false);
      }
    }
  }

  /** Plain Cholesky of an n x n block; zeros above the diagonal. */
  private static boolean factor(double[] a, int n) {
    for (int j = 0; j < n; j++) {
      double pivot = a[j * n + j];
      for (int p = 0; p < j; p++) {
        pivot -= a[j * n + p] * a[j * n + p];
      }
      if (!(pivot > 0) || Double.isInfinite(pivot)) {
        return false;
      }
      double root = Math.sqrt(pivot);
      a[j * n + j] = root;
      for (int i = j + 1; i < n; i++) {
        double sum = a[i * n + j];
        for (int p = 0; p < j; p++) {
          sum -= a[i * n + p] * a[j * n + p];
        }
        a[i * n + j] = sum / root;
        a[j * n + i] = 0;
      }
    }
    return true;
  }

  /** Inverse of a lower triangular n x n block. */
  private static double[] inverse(double[] l, int n) {
    double[] x = new double[n * n];
    for (int i = 0; i < n; i++) {
      x[i * n + i] = 1 / l[i * n + i];
      for (int p = 0; p < i; p++) {
        double factor = l[i * n + p];
        for (int j = 0; j <= p; j++) {
          x[i * n + j] -= factor * x[p * n + j];
        }
      }
      for (int j = 0; j < i; j++) {
        x[i * n + j] *= x[i * n + i];
      }
    }
    return x;
  }

  private static double[] doubles(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private static float[] floats(double[] values) {
    float[] narrow = new float[values.length];
    for (int i = 0; i < narrow.length; i++) {
      narrow[i] = (float) values[i];
    }
    return narrow;
  }
}
