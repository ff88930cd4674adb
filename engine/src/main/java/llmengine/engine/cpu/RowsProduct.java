// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import llmengine.engine.Tensor;

/**
 * y (M, N) = x (M, K) W (N, K)^T for generated tokens. Each element is sixteen partial sums over k
 * (k goes to partial k mod 16) and the tree of {@link Sums}, whatever M is, so a token's result
 * does not depend on how many are computed together.
 *
 * <p>Limited by reading W once: four rows of W at a time are decoded into first-level cache as one
 * stream and multiplied with every row of x. Threads split N.
 */
final class RowsProduct {
  private static final int ROWS = 4;
  private static final int W = 0;
  private static final int OUT = 1;

  private final Team team;
  private float[] x = new float[0]; // (M, K padded to 16)

  RowsProduct(Team team) {
    this.team = team;
  }

  void multiply(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    int m = a.rows();
    int k = a.cols();
    int n = b.rows();
    if (m == 0 || n == 0) {
      return;
    }
    team.take();
    try {
      int stride = Scratch.padded(k);
      stage(a, m, k, stride);
      int perChunk = Math.max(ROWS, Gemm.roundUp(Gemm.ceilDiv(n, 8 * team.threads()), ROWS));
      team.run(
          (chunk, worker) -> {
            int end = (int) Math.min(n, (chunk + 1L) * perChunk);
            for (int row = chunk * perChunk; row < end; row += ROWS) {
              int count = Math.min(ROWS, end - row);
              rows(b, row, count, m, k, stride, alpha, c, accumulate, team.scratch(worker));
            }
          },
          Gemm.ceilDiv(n, perChunk));
    } finally {
      team.release();
    }
  }

  private void stage(Tensor a, int m, int k, int stride) {
    long size = (long) m * stride;
    if (x.length < size) {
      x = new float[Math.toIntExact(size)];
    }
    for (int i = 0; i < m; i++) {
      Load.run(Pieces.kind(a), Pieces.address(a, i, 0), k, x, i * stride);
      for (int j = k; j < stride; j++) {
        x[i * stride + j] = 0;
      }
    }
  }

  private void rows(
      Tensor b,
      int row,
      int count,
      int m,
      int k,
      int stride,
      float alpha,
      Tensor c,
      boolean accumulate,
      Scratch scratch) {
    float[] w = scratch.slot(W, ROWS * stride);
    float[] y = scratch.slot(OUT, ROWS);
    for (int r = 0; r < count; r++) {
      Load.run(Pieces.kind(b), Pieces.address(b, row + r, 0), k, w, r * stride);
      for (int j = k; j < stride; j++) {
        w[r * stride + j] = 0;
      }
    }
    for (int i = 0; i < m; i++) {
      if (count == ROWS && L >= 8) {
        dots(w, stride, x, i * stride, stride, y);
      } else {
        for (int r = 0; r < count; r++) {
          y[r] = Sums.dot(w, r * stride, x, i * stride, stride);
        }
      }
      for (int r = 0; r < count; r++) {
        long to = Pieces.address(c, i, row + r);
        Window.putFloat(to, accumulate ? Math.fma(alpha, y[r], Window.getFloat(to)) : alpha * y[r]);
      }
    }
  }

  /** Four rows of w with one of x; each element as {@link Sums#dot} computes it. */
  private static void dots(float[] w, int stride, float[] x, int xo, int n, float[] y) {
    if (L == 16) {
      dots16(w, stride, x, xo, n, y);
    } else {
      dots8(w, stride, x, xo, n, y);
    }
  }

  private static void dots16(float[] w, int stride, float[] x, int xo, int n, float[] y) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    int w1 = stride;
    int w2 = 2 * stride;
    int w3 = 3 * stride;
    for (int i = 0; i < n; i += 16) {
      FloatVector v = FloatVector.fromArray(F, x, xo + i);
      a = FloatVector.fromArray(F, w, i).fma(v, a);
      b = FloatVector.fromArray(F, w, w1 + i).fma(v, b);
      c = FloatVector.fromArray(F, w, w2 + i).fma(v, c);
      d = FloatVector.fromArray(F, w, w3 + i).fma(v, d);
    }
    y[0] = Sums.fold(a);
    y[1] = Sums.fold(b);
    y[2] = Sums.fold(c);
    y[3] = Sums.fold(d);
  }

  private static void dots8(float[] w, int stride, float[] x, int xo, int n, float[] y) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    FloatVector a8 = a;
    FloatVector b8 = a;
    FloatVector c8 = a;
    FloatVector d8 = a;
    int w1 = stride;
    int w2 = 2 * stride;
    int w3 = 3 * stride;
    for (int i = 0; i < n; i += 16) {
      FloatVector v = FloatVector.fromArray(F, x, xo + i);
      a = FloatVector.fromArray(F, w, i).fma(v, a);
      b = FloatVector.fromArray(F, w, w1 + i).fma(v, b);
      c = FloatVector.fromArray(F, w, w2 + i).fma(v, c);
      d = FloatVector.fromArray(F, w, w3 + i).fma(v, d);
      v = FloatVector.fromArray(F, x, xo + i + 8);
      a8 = FloatVector.fromArray(F, w, i + 8).fma(v, a8);
      b8 = FloatVector.fromArray(F, w, w1 + i + 8).fma(v, b8);
      c8 = FloatVector.fromArray(F, w, w2 + i + 8).fma(v, c8);
      d8 = FloatVector.fromArray(F, w, w3 + i + 8).fma(v, d8);
    }
    y[0] = Sums.fold(a, a8);
    y[1] = Sums.fold(b, b8);
    y[2] = Sums.fold(c, c8);
    y[3] = Sums.fold(d, d8);
  }
}
