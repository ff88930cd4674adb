// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import llmengine.engine.Tensor;

/** Sums over whole tensors in double: fixed chunks of a row, added in order. */
final class Reductions {
  private static final int X = 0;
  private static final int CHUNK = 16384;

  private Reductions() {}

  /** Sum of a piece of a row. */
  private interface Part {
    double of(float[] x, int n);
  }

  static double sum(Team team, Tensor x) {
    return reduce(team, x, Reductions::sum);
  }

  static double sumOfSquares(Team team, Tensor x) {
    return reduce(team, x, Reductions::sumOfSquares);
  }

  private static double reduce(Team team, Tensor x, Part part) {
    if (x.size() == 0) {
      return 0;
    }
    int perRow = Gemm.ceilDiv(x.cols(), CHUNK);
    // A job for several short rows, or for one chunk of a long one.
    int rowsPerJob = Math.max(1, CHUNK / x.cols());
    double total = 0;
    int rowsPerPass = (int) Math.min(x.rows(), Math.max(1L, (1 << 20) / (long) perRow));
    double[] parts = new double[rowsPerPass * perRow];
    for (int first = 0; first < x.rows(); first += rowsPerPass) {
      int start = first;
      int count = Math.min(rowsPerPass, x.rows() - first);
      team.run(
          (job, worker) -> {
            int begin = job / perRow * rowsPerJob;
            int end = Math.min(count, begin + rowsPerJob);
            int column = job % perRow * CHUNK;
            int n = Math.min(CHUNK, x.cols() - column);
            for (int r = begin; r < end; r++) {
              float[] v = Pieces.load(x, start + r, column, n, team.scratch(worker), X);
              parts[r * perRow + job % perRow] = part.of(v, n);
            }
          },
          Gemm.ceilDiv(count, rowsPerJob) * perRow);
      for (int i = 0; i < count * perRow; i++) {
        total += parts[i];
      }
    }
    return total;
  }

  private static double sum(float[] x, int n) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int i = 0;
    for (; i <= n - 4; i += 4) {
      a += x[i];
      b += x[i + 1];
      c += x[i + 2];
      d += x[i + 3];
    }
    for (; i < n; i++) {
      a += x[i];
    }
    return a + c + (b + d);
  }

  static double sumOfSquares(float[] x, int n) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int i = 0;
    for (; i <= n - 4; i += 4) {
      a += (double) x[i] * x[i];
      b += (double) x[i + 1] * x[i + 1];
      c += (double) x[i + 2] * x[i + 2];
      d += (double) x[i + 3] * x[i + 3];
    }
    for (; i < n; i++) {
      a += (double) x[i] * x[i];
    }
    return a + c + (b + d);
  }

  /** Row of the first NaN or infinity, -1 if there is none. */
  static int firstNonFiniteRow(Team team, Tensor x) {
    AtomicInteger first = new AtomicInteger(Integer.MAX_VALUE);
    Pieces.eachRow(
        team,
        x.rows(),
        x.cols(),
        (row, scratch) -> {
          if (row > first.get()) {
            return;
          }
          for (int c = 0; c < x.cols(); c += Pieces.SIZE) {
            int n = Math.min(Pieces.SIZE, x.cols() - c);
            float[] v = Pieces.load(x, row, c, n, scratch, X);
            Scratch.zeroPadding(v, n);
            Rowwise.scale(v, 0, v, n); // 0 * x is 0 for finite x only, else NaN
            if (Float.isNaN(Sums.sum(v, n))) {
              first.accumulateAndGet(row, Math::min);
              return;
            }
          }
        });
    return first.get() == Integer.MAX_VALUE ? -1 : first.get();
  }
}
