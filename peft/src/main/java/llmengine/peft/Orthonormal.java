package llmengine.peft;

import llmengine.engine.Tensor;

/** Orthonormal rows and inner products of float32 matrices (Q, n), in double precision. */
final class Orthonormal {
  private Orthonormal() {}

  /**
   * Makes the rows orthonormal, each from what those before leave of it, by Gram and Schmidt's
   * method, twice. A row that is a combination of others becomes zero.
   */
  static void rows(Tensor x) {
    double[][] rows = wide(x);
    for (int i = 0; i < rows.length; i++) {
      double whole = Math.sqrt(dot(rows[i], rows[i]));
      for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < i; j++) {
          add(rows[j], -dot(rows[i], rows[j]), rows[i]);
        }
      }
      double left = Math.sqrt(dot(rows[i], rows[i]));
      double scale = left > 1e-7 * whole ? 1 / left : 0; // less is float32's noise
      for (int c = 0; c < rows[i].length; c++) {
        rows[i][c] *= scale;
      }
    }
    float[] narrow = new float[x.cols()];
    for (int i = 0; i < rows.length; i++) {
      for (int c = 0; c < narrow.length; c++) {
        narrow[c] = (float) rows[i][c];
      }
      x.rows(i, i + 1).set(narrow);
    }
  }

  /** x x^T (Q, Q). */
  static double[][] inner(Tensor x) {
    double[][] rows = wide(x);
    return symmetric(rows, rows);
  }

  /** x y^T (Q, Q), made symmetric. */
  static double[][] inner(Tensor x, Tensor y) {
    return symmetric(wide(x), wide(y));
  }

  private static double[][] symmetric(double[][] a, double[][] b) {
    double[][] out = new double[a.length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j <= i; j++) {
        out[i][j] = (dot(a[i], b[j]) + dot(a[j], b[i])) / 2;
        out[j][i] = out[i][j];
      }
    }
    return out;
  }

  private static double[][] wide(Tensor x) {
    double[][] rows = new double[x.rows()][x.cols()];
    float[] row = new float[x.cols()];
    for (int r = 0; r < rows.length; r++) {
      x.backend().read(x.rows(r, r + 1), row, 0);
      for (int c = 0; c < row.length; c++) {
        rows[r][c] = row[c];
      }
    }
    return rows;
  }

  /** Four sums side by side: one is bound by the latency of additions. */
  private static double dot(double[] a, double[] b) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 3 < a.length; i += 4) {
      s0 += a[i] * b[i];
      s1 += a[i + 1] * b[i + 1];
      s2 += a[i + 2] * b[i + 2];
      s3 += a[i + 3] * b[i + 3];
    }
    for (; i < a.length; i++) {
      s0 += a[i] * b[i];
    }
    return s0 + s1 + (s2 + s3);
  }

  /** y += f x. */
  private static void add(double[] x, double f, double[] y) {
    for (int i = 0; i < x.length; i++) {
      y[i] += f * x[i];
    }
  }
}
