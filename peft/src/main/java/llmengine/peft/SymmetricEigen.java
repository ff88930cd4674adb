package llmengine.peft;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Eigenvalues, largest first, and eigenvectors of a small symmetric matrix, by Jacobi's rotations
 * (Golub and Van Loan, "Matrix computations", section 8.5): n^3 operations times about 30.
 *
 * @param values largest first
 * @param vectors row i belongs to value i
 */
record SymmetricEigen(double[] values, double[][] vectors) {
  private static final int SWEEPS = 40;

  /** The matrix is overwritten. */
  static SymmetricEigen of(double[][] a) {
    int n = a.length;
    double[][] v = new double[n][n]; // rows turn into eigenvectors
    for (int i = 0; i < n; i++) {
      v[i][i] = 1;
    }
    double size = 0;
    for (double[] row : a) {
      for (double x : row) {
        size += x * x;
      }
    }
    double negligible = Math.sqrt(size) * 1e-17;
    boolean turned = true;
    for (int sweep = 0; sweep < SWEEPS && turned; sweep++) {
      turned = false;
      for (int p = 0; p < n; p++) {
        for (int q = p + 1; q < n; q++) {
          double small = 1e-16 * Math.sqrt(Math.abs(a[p][p] * a[q][q]));
          if (Math.abs(a[p][q]) > Math.max(small, negligible)) {
            turn(a, v, p, q);
            turned = true;
          }
        }
      }
    }
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -a[i][i]))
            .mapToInt(i -> i)
            .toArray();
    return new SymmetricEigen(
        Arrays.stream(order).mapToDouble(i -> a[i][i]).toArray(),
        Arrays.stream(order).mapToObj(i -> v[i]).toArray(double[][]::new));
  }

  /** Makes a[p][q] zero by a rotation of rows and columns p and q. */
  private static void turn(double[][] a, double[][] v, int p, int q) {
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = Math.copySign(1, theta) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
    double c = 1 / Math.sqrt(t * t + 1);
    double s = t * c;
    turnRows(a[p], a[q], c, s);
    turnRows(v[p], v[q], c, s);
    for (double[] row : a) {
      double x = row[p];
      double y = row[q];
      row[p] = c * x - s * y;
      row[q] = s * x + c * y;
    }
    a[p][q] = 0;
    a[q][p] = 0;
  }

  private static void turnRows(double[] x, double[] y, double c, double s) {
    for (int i = 0; i < x.length; i++) {
      double xi = x[i];
      x[i] = c * xi - s * y[i];
      y[i] = s * xi + c * y[i];
    }
  }
}
