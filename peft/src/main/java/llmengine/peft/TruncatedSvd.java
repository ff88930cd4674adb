package llmengine.peft;

import java.util.SplittableRandom;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * The R strongest singular triplets of a weight W (N, K) of any dtype: W is about left^T
 * diag(values) right. W is only multiplied with R (or about 2 R) vectors at a time, so that a
 * matrix of 8192 x 28672 takes no memory beside itself but those vectors.
 *
 * @param left (R, N) float32, orthonormal rows
 * @param values singular values, largest first
 * @param right (R, K) float32, orthonormal rows
 */
record TruncatedSvd(Tensor left, double[] values, Tensor right) {
  /** Up to this smaller side the whole spectrum is computed, in double precision. */
  private static final int SMALL = 160;

  /** Most that a filter may favour the strongest direction over the weakest wanted one. */
  private static final double FAVOUR = 1e3;

  private static final int LARGEST_DEGREE = 16;
  private static final int FILTERS = 100;
  private static final double TOLERANCE = 1e-6;

  /** Filters that may bring nothing before the residuals count as noise. */
  private static final int PATIENCE = 3;

  /**
   * Randomised subspace iteration (Halko et al. 2011, algorithm 4.4) with R vectors, as {@code
   * torch.svd_lowrank} does it: 4 N K R (iterations + 1) operations. The result depends on the
   * random start, more so the fewer iterations.
   */
  static TruncatedSvd fast(Scope scope, Tensor w, int rank, int iterations, long seed) {
    try (Scope scratch = new Scope(scope.backend(), "decomposition")) {
      Products p = new Products(scratch, w);
      Tensor x = random(scratch, rank, p.small, seed);
      Tensor y = p.across(x);
      Orthonormal.rows(y);
      for (int i = 0; i < iterations; i++) {
        x = p.back(y);
        Orthonormal.rows(x);
        y = p.across(x);
        Orthonormal.rows(y);
      }
      // W restricted to y: a small problem
      return p.assemble(scope, p.back(y), y, rank);
    }
  }

  /**
   * The triplets themselves, as exactly as float32 products tell. Subspace iteration on W^T W or W
   * W^T with about 2 R vectors; between two looks at the subspace a Chebyshev polynomial damps what
   * lies below it (Zhou and Saad 2007). Stops once residuals are at the noise of float32.
   */
  static TruncatedSvd exact(Scope scope, Tensor w, int rank, long seed) {
    try (Scope scratch = new Scope(scope.backend(), "decomposition")) {
      Products p = new Products(scratch, w);
      if (p.small <= SMALL) {
        return p.assemble(scope, identity(scratch, p.small), rank);
      }
      Tensor x = random(scratch, Math.min(p.small, 2 * rank + 16), p.small, seed);
      Orthonormal.rows(x);
      double best = Double.POSITIVE_INFINITY;
      int inVain = 0;
      for (int i = 0; i < FILTERS; i++) {
        Ritz ritz = Ritz.of(scratch, p, x, rank);
        inVain = ritz.residual > 0.9 * best ? inVain + 1 : 0;
        best = Math.min(best, ritz.residual);
        scratch.release(x);
        x = ritz.vectors;
        if (best < TOLERANCE || inVain == PATIENCE) {
          break;
        }
        x = filtered(p, ritz, rank);
        Orthonormal.rows(x);
      }
      return p.assemble(scope, x, rank);
    }
  }

  /**
   * Ritz vectors of W^T W or W W^T in the span of some rows.
   *
   * @param residual largest of |G x - value x| / value over the wanted vectors x
   */
  private record Ritz(Tensor vectors, double[] values, double residual) {
    static Ritz of(Scope scope, Products p, Tensor x, int rank) {
      try (Scope scratch = new Scope(scope.backend(), "decomposition")) {
        // from W x rather than W^T W x, whose small values drown in the rounding of large ones
        SymmetricEigen eigen = SymmetricEigen.of(Orthonormal.inner(p.across(scratch, x)));
        Tensor turn = matrix(scratch, eigen.vectors());
        Tensor vectors = scope.empty(DType.F32, x.rows(), x.cols());
        scope.backend().matmulNN(turn, x, 1, vectors, false);
        Tensor images = p.squared(scratch, vectors.rows(0, rank));
        // what lies within the span is no residual: for a small value it is another's rounding
        Tensor within = scratch.empty(DType.F32, rank, x.rows());
        scope.backend().matmulNT(images, vectors, -1, within, false);
        scope.backend().matmulNN(within, vectors, 1, images, true);
        double largest = 0;
        for (int i = 0; i < rank && eigen.values()[i] > 0; i++) {
          double squares = scope.backend().sumOfSquares(images.rows(i, i + 1));
          largest = Math.max(largest, Math.sqrt(squares) / eigen.values()[i]);
        }
        return new Ritz(vectors, eigen.values(), largest);
      }
    }
  }

  /** T(x) with a Chebyshev polynomial that is small from 0 to the lowest Ritz value. */
  private static Tensor filtered(Products p, Ritz ritz, int rank) {
    double top = ritz.values[0];
    double edge = Math.max(ritz.values[ritz.values.length - 1], 1e-12 * top);
    double half = edge / 2;
    int degree = degree(top / half - 1, Math.max(ritz.values[rank - 1], edge) / half - 1);
    Scope scope = ritz.vectors.scope();
    double sigma = half / (top - half);
    double first = sigma;
    Tensor before = ritz.vectors;
    Tensor now = p.squared(scope, before);
    combine(now, first / half, before, -first);
    for (int i = 2; i <= degree; i++) {
      double next = 1 / (2 / first - sigma);
      Tensor after = p.squared(scope, now);
      combine(after, 2 * next / half, now, -2 * next);
      scope.backend().scale(before, (float) (-sigma * next), after, true);
      scope.release(before);
      before = now;
      now = after;
      sigma = next;
    }
    scope.release(before);
    return now;
  }

  /** The highest that keeps the wanted directions within {@link #FAVOUR} of each other. */
  private static int degree(double top, double wanted) {
    double[] chebyshev = {1, 1, top, wanted}; // T_0, T_0, T_1, T_1
    int degree = 1;
    while (degree < LARGEST_DEGREE) {
      double a = 2 * top * chebyshev[2] - chebyshev[0];
      double b = 2 * wanted * chebyshev[3] - chebyshev[1];
      if (a > FAVOUR * b) {
        break;
      }
      chebyshev = new double[] {chebyshev[2], chebyshev[3], a, b};
      degree++;
    }
    return degree;
  }

  /** x = a x + b y. */
  private static void combine(Tensor x, double a, Tensor y, double b) {
    x.backend().scale(x, (float) a, x, false);
    x.backend().scale(y, (float) b, x, true);
  }

  private static Tensor random(Scope scope, int rows, int cols, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor x = scope.empty(DType.F32, rows, cols);
    float[] row = new float[cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        row[c] = (float) random.nextGaussian();
      }
      x.rows(r, r + 1).set(row);
    }
    return x;
  }

  private static Tensor identity(Scope scope, int n) {
    double[][] one = new double[n][n];
    for (int i = 0; i < n; i++) {
      one[i][i] = 1;
    }
    return matrix(scope, one);
  }

  private static Tensor matrix(Scope scope, double[][] rows) {
    Tensor x = scope.empty(DType.F32, rows.length, rows[0].length);
    float[] narrow = new float[rows[0].length];
    for (int r = 0; r < rows.length; r++) {
      for (int c = 0; c < narrow.length; c++) {
        narrow[c] = (float) rows[r][c];
      }
      x.rows(r, r + 1).set(narrow);
    }
    return x;
  }

  /** Products of rows with W, from its smaller side to the larger and back. */
  private static final class Products {
    private final Scope scope;
    private final Tensor w;
    private final boolean outputsAreFewer;
    final int small;
    private final int large;

    Products(Scope scope, Tensor w) {
      this.scope = scope;
      this.w = w;
      outputsAreFewer = w.rows() < w.cols();
      small = Math.min(w.rows(), w.cols());
      large = Math.max(w.rows(), w.cols());
    }

    /** (Q, small) to (Q, large). */
    Tensor across(Tensor x) {
      return across(scope, x);
    }

    Tensor across(Scope into, Tensor x) {
      return product(into, x, outputsAreFewer, large);
    }

    /** (Q, large) to (Q, small). */
    Tensor back(Tensor y) {
      return product(scope, y, !outputsAreFewer, small);
    }

    /** There and back, without keeping what is between. */
    Tensor squared(Scope into, Tensor x) {
      try (Scope scratch = new Scope(into.backend(), "decomposition")) {
        Tensor y = product(scratch, x, outputsAreFewer, large);
        return product(into, y, !outputsAreFewer, small);
      }
    }

    private Tensor product(Scope into, Tensor x, boolean fromOutputs, int width) {
      Tensor out = into.empty(DType.F32, x.rows(), width);
      if (fromOutputs) {
        w.backend().matmulNN(x, w, 1, out, false); // (Q,N)(N,K)
      } else {
        w.backend().matmulNT(x, w, 1, out, false); // (Q,K)(N,K)^T
      }
      return out;
    }

    /** The triplets of W restricted to orthonormal rows on the smaller side. */
    TruncatedSvd assemble(Scope into, Tensor basis, int rank) {
      return assembled(into, across(basis), basis, rank, true);
    }

    /** The triplets of W restricted to orthonormal rows on the larger side. */
    TruncatedSvd assemble(Scope into, Tensor images, Tensor basis, int rank) {
      return assembled(into, images, basis, rank, false);
    }

    private TruncatedSvd assembled(
        Scope into, Tensor images, Tensor basis, int rank, boolean basisIsSmall) {
      SymmetricEigen eigen = SymmetricEigen.of(Orthonormal.inner(images));
      double[] values = new double[rank];
      double[][] turn = new double[rank][];
      double[][] scaled = new double[rank][basis.rows()];
      for (int i = 0; i < rank; i++) {
        values[i] = Math.sqrt(Math.max(0, eigen.values()[i]));
        turn[i] = eigen.vectors()[i];
        for (int j = 0; j < turn[i].length; j++) {
          scaled[i][j] = values[i] > 0 ? turn[i][j] / values[i] : 0;
        }
      }
      Tensor one = into.empty(DType.F32, rank, basis.cols());
      Tensor other = into.empty(DType.F32, rank, images.cols());
      w.backend().matmulNN(matrix(scope, turn), basis, 1, one, false);
      w.backend().matmulNN(matrix(scope, scaled), images, 1, other, false);
      return basisIsSmall == outputsAreFewer
          ? new TruncatedSvd(one, values, other)
          : new TruncatedSvd(other, values, one);
    }
  }
}
