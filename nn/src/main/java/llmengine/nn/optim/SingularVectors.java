package llmengine.nn.optim;

import java.util.Arrays;
import java.util.Random;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * Leading singular vectors of a matrix by subspace iteration with a Rayleigh-Ritz step (Halko et
 * al. 2011, algorithm 4.4): products with the matrix run on the backend, the small factorizations
 * on the host in double. O(M N r) an iteration, memory O((M + N) r).
 */
final class SingularVectors {
  private static final int SURPLUS = 8;
  private static final int MOST_ITERATIONS = 50;
  private static final double CONVERGED = 1e-6;

  private SingularVectors() {}

  /**
   * The first {@code rank} left singular vectors of g (M, N), one per row: (rank, M); or right
   * ones: (rank, N). {@code rank} is at most min(M, N).
   */
  static Tensor of(Scope scope, Tensor g, int rank, boolean left) {
    Backend backend = g.backend();
    int length = left ? g.rows() : g.cols();
    int other = left ? g.cols() : g.rows();
    int width = Math.min(rank + SURPLUS, Math.min(g.rows(), g.cols()));
    double[][] basis = start(width, length);
    double[] ritz = new double[width];
    try (Scope scratch = new Scope(backend, "optimizer step")) {
      Tensor q = scratch.empty(DType.F32, width, length);
      Tensor z = scratch.empty(DType.F32, width, other);
      for (int i = 0; i < MOST_ITERATIONS; i++) {
        orthonormalize(basis);
        q.set(flat(basis));
        product(q, g, left, z); // what the matrix makes of the basis
        double[][] image = rows(z, width);
        double[][] small = gram(image);
        double[][] rotation = new double[width][];
        double[] squares = Jacobi.eigenvalues(small, rotation);
        basis = combine(rotation, basis);
        boolean done = converged(ritz, squares, rank) || width == length || width == other && i > 0;
        ritz = squares;
        if (done) {
          break;
        }
        z.set(flat(combine(rotation, image)));
        product(z, g, !left, q);
        basis = rows(q, width);
      }
    }
    float[] values = flat(Arrays.copyOf(basis, rank));
    return scope.empty(DType.F32, rank, length).set(values);
  }

  /** Rows times g for vectors of g's rows (left), times g^T for vectors of its columns. */
  private static void product(Tensor vectors, Tensor g, boolean left, Tensor out) {
    if (left) {
      g.backend().matmulNN(vectors, g, 1, out, false);
    } else {
      g.backend().matmulNT(vectors, g, 1, out, false);
    }
  }

  private static double[][] start(int width, int length) {
    Random random = new Random(0x9E3779B9L);
    double[][] basis = new double[width][length];
    for (double[] vector : basis) {
      Arrays.setAll(vector, i -> random.nextGaussian());
    }
    return basis;
  }

  /** Gram-Schmidt, twice, so that rounding leaves the vectors orthogonal. */
  private static void orthonormalize(double[][] vectors) {
    for (int i = 0; i < vectors.length; i++) {
      for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < i; j++) {
          double along = dot(vectors[i], vectors[j]);
          for (int k = 0; k < vectors[i].length; k++) {
            vectors[i][k] -= along * vectors[j][k];
          }
        }
        double norm = Math.sqrt(dot(vectors[i], vectors[i]));
        if (norm < 1e-30) { // the matrix has a lower rank: any direction will do
          Random random = new Random(i);
          Arrays.setAll(vectors[i], k -> random.nextGaussian());
          pass = -1;
          continue;
        }
        for (int k = 0; k < vectors[i].length; k++) {
          vectors[i][k] /= norm;
        }
      }
    }
  }

  private static boolean converged(double[] before, double[] now, int rank) {
    for (int i = 0; i < rank; i++) {
      if (Math.abs(now[i] - before[i]) > CONVERGED * now[0]) {
        return false;
      }
    }
    return true;
  }

  private static double[][] gram(double[][] vectors) {
    double[][] g = new double[vectors.length][vectors.length];
    for (int i = 0; i < vectors.length; i++) {
      for (int j = 0; j <= i; j++) {
        g[i][j] = dot(vectors[i], vectors[j]);
        g[j][i] = g[i][j];
      }
    }
    return g;
  }

  /** Row i of the result = sum over j of weights[i][j] vectors[j]. */
  private static double[][] combine(double[][] weights, double[][] vectors) {
    double[][] out = new double[weights.length][vectors[0].length];
    for (int i = 0; i < out.length; i++) {
      for (int j = 0; j < vectors.length; j++) {
        double w = weights[i][j];
        for (int k = 0; k < out[i].length; k++) {
          out[i][k] += w * vectors[j][k];
        }
      }
    }
    return out;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double[][] rows(Tensor t, int width) {
    float[] values = t.toFloats();
    double[][] rows = new double[width][t.cols()];
    for (int i = 0; i < width; i++) {
      for (int k = 0; k < t.cols(); k++) {
        rows[i][k] = values[i * t.cols() + k];
      }
    }
    return rows;
  }

  private static float[] flat(double[][] rows) {
    float[] values = new float[rows.length * rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      for (int k = 0; k < rows[i].length; k++) {
        values[i * rows[i].length + k] = (float) rows[i][k];
      }
    }
    return values;
  }
}
