// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import llmengine.engine.DType;
import llmengine.engine.Tensor;

/**
 * y (M, N) = x (M, K) W (N, K)^T for generated tokens. Each element is sixteen partial sums over k
 * (k goes to partial k mod 16) and the tree of {@link Sums}, whatever M is, so a token's result
 * does not depend on how many are computed together.
 *
 * <p>Limited by reading W once: four rows of W at a time are decoded, a piece that fits first-level
 * cache after the other, and multiplied with every row of x. Threads split N.
 */
final class RowsProduct {
  private static final int ROWS = 4;

  /** Columns decoded at a time: four rows of them are 16 KB. Whole blocks of every format. */
  private static final int PIECE = 1024;

  private static final int W = 0;
  private static final int PARTIALS = 1;

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
      stage(a, m, k);
      int perChunk = Math.max(ROWS, Gemm.roundUp(Gemm.ceilDiv(n, 8 * team.threads()), ROWS));
      team.run(
          (chunk, worker) -> {
            int end = (int) Math.min(n, (chunk + 1L) * perChunk);
            for (int row = chunk * perChunk; row < end; row += ROWS) {
              int count = Math.min(ROWS, end - row);
              float[] partials = rows(b, row, count, m, k, team.scratch(worker));
              store(partials, row, count, m, alpha, c, accumulate);
            }
          },
          Gemm.ceilDiv(n, perChunk));
    } finally {
      team.release();
    }
  }

  private void stage(Tensor a, int m, int k) {
    int stride = Scratch.padded(k);
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

  /** Partial sums (M, ROWS, 16) of up to ROWS rows of b. */
  private float[] rows(Tensor b, int row, int count, int m, int k, Scratch scratch) {
    int stride = Scratch.padded(k);
    float[] w = scratch.slot(W, ROWS * Math.min(PIECE, stride));
    float[] partials = scratch.slot(PARTIALS, m * ROWS * 16);
    Arrays.fill(partials, 0, m * ROWS * 16, 0);
    for (int from = 0; from < k; from += PIECE) {
      int n = Math.min(PIECE, k - from);
      int padded = Scratch.padded(n);
      load(b, row, from, count, n, w, padded);
      for (int i = 0; i < m; i++) {
        int at = i * ROWS * 16;
        if (count == ROWS && L >= 8) {
          dots(w, x, i * stride + from, padded, partials, at);
        } else {
          for (int r = 0; r < count; r++) {
            Sums.partials(w, r * padded, x, i * stride + from, padded, partials, at + 16 * r);
          }
        }
      }
    }
    return partials;
  }

  /** A piece of {@code count} rows as f32, {@code stride} apart, with zeros between. */
  private static void load(Tensor b, int row, int column, int count, int n, float[] w, int stride) {
    if (b.dtype() == DType.PACKED) {
      b.packing().decode(row, column, count, n, w, 0, stride);
    } else {
      for (int r = 0; r < count; r++) {
        Load.run(Pieces.kind(b), Pieces.address(b, row + r, column), n, w, r * stride);
      }
    }
    for (int r = 0; r < count; r++) {
      for (int j = n; j < stride; j++) {
        w[r * stride + j] = 0;
      }
    }
  }

  private static void store(
      float[] partials, int row, int count, int m, float alpha, Tensor c, boolean accumulate) {
    for (int i = 0; i < m; i++) {
      for (int r = 0; r < count; r++) {
        float y = Sums.fold(partials, (i * ROWS + r) * 16);
        long to = Pieces.address(c, i, row + r);
        Window.putFloat(to, accumulate ? Math.fma(alpha, y, Window.getFloat(to)) : alpha * y);
      }
    }
  }

  /** Four rows of w, n apart, with one of x, added to their partials. */
  private static void dots(float[] w, float[] x, int xo, int n, float[] partials, int at) {
    if (L == 16) {
      dots16(w, x, xo, n, partials, at);
    } else {
      dots8(w, x, xo, n, partials, at);
    }
  }

  private static void dots16(float[] w, float[] x, int xo, int n, float[] p, int at) {
    FloatVector a = FloatVector.fromArray(F, p, at);
    FloatVector b = FloatVector.fromArray(F, p, at + 16);
    FloatVector c = FloatVector.fromArray(F, p, at + 32);
    FloatVector d = FloatVector.fromArray(F, p, at + 48);
    int w2 = 2 * n;
    int w3 = 3 * n;
    for (int i = 0; i < n; i += 16) {
      FloatVector v = FloatVector.fromArray(F, x, xo + i);
      a = FloatVector.fromArray(F, w, i).fma(v, a);
      b = FloatVector.fromArray(F, w, n + i).fma(v, b);
      c = FloatVector.fromArray(F, w, w2 + i).fma(v, c);
      d = FloatVector.fromArray(F, w, w3 + i).fma(v, d);
    }
    a.intoArray(p, at);
    b.intoArray(p, at + 16);
    c.intoArray(p, at + 32);
    d.intoArray(p, at + 48);
  }

  private static void dots8(float[] w, float[] x, int xo, int n, float[] p, int at) {
    FloatVector a = FloatVector.fromArray(F, p, at);
    FloatVector a8 = FloatVector.fromArray(F, p, at + 8);
    FloatVector b = FloatVector.fromArray(F, p, at + 16);
    FloatVector b8 = FloatVector.fromArray(F, p, at + 24);
    FloatVector c = FloatVector.fromArray(F, p, at + 32);
    FloatVector c8 = FloatVector.fromArray(F, p, at + 40);
    FloatVector d = FloatVector.fromArray(F, p, at + 48);
    FloatVector d8 = FloatVector.fromArray(F, p, at + 56);
    int w2 = 2 * n;
    int w3 = 3 * n;
    for (int i = 0; i < n; i += 16) {
      FloatVector v = FloatVector.fromArray(F, x, xo + i);
      a = FloatVector.fromArray(F, w, i).fma(v, a);
      b = FloatVector.fromArray(F, w, n + i).fma(v, b);
      c = FloatVector.fromArray(F, w, w2 + i).fma(v, c);
      d = FloatVector.fromArray(F, w, w3 + i).fma(v, d);
      v = FloatVector.fromArray(F, x, xo + i + 8);
      a8 = FloatVector.fromArray(F, w, i + 8).fma(v, a8);
      b8 = FloatVector.fromArray(F, w, n + i + 8).fma(v, b8);
      c8 = FloatVector.fromArray(F, w, w2 + i + 8).fma(v, c8);
      d8 = FloatVector.fromArray(F, w, w3 + i + 8).fma(v, d8);
    }
    a.intoArray(p, at);
    a8.intoArray(p, at + 8);
    b.intoArray(p, at + 16);
    b8.intoArray(p, at + 24);
    c.intoArray(p, at + 32);
    c8.intoArray(p, at + 40);
    d.intoArray(p, at + 48);
    d8.intoArray(p, at + 56);
  }
}
