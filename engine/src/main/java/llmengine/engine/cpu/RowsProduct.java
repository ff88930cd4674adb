// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import java.util.Arrays;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import llmengine.engine.DType;
import llmengine.engine.FloatRows;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.x86.Isa;

/**
 * y (M, N) = x (M, K) W (N, K)^T for generated tokens. Each element is sixteen partial sums over k
 * (k goes to partial k mod 16) and the tree of {@link Sums}, whatever M is, so a token's result
 * does not depend on how many are computed together.
 *
 * <p>Limited by reading W once: four rows of W at a time are decoded, a piece that fits first-level
 * cache after the other, and multiplied with every row of x. Threads split N. Weights that are
 * plain numbers are met in machine code, where there is some: {@link FloatRowsProduct}.
 */
final class RowsProduct {
  private static final int ROWS = 4;

  /** Columns decoded at a time: four rows of them are 16 KB. Whole blocks of every format. */
  private static final int PIECE = 1024;

  private static final int W = 0;
  private static final int PARTIALS = 1;

  private final Team team;
  private final Optional<FloatRowsProduct> machine;
  private float[] x = new float[0]; // (M, K padded to 16)

  RowsProduct(Team team, Optional<Isa> isa) {
    this.team = team;
    this.machine = isa.map(i -> new FloatRowsProduct(team, i));
  }

  void multiply(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    int m = a.rows();
    int k = a.cols();
    int n = b.rows();
    if (m == 0 || n == 0) {
      return;
    }
    if (machine.isPresent()) {
      Optional<FloatRows> rows = FloatRowsProduct.rows(b);
      if (rows.isPresent() && FloatRowsProduct.takes(a, rows.get(), c)) {
        machine.get().multiply(a, rows.get(), n, alpha, c, accumulate);
        return;
      }
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
      int i = 0;
      if (count == ROWS && L == 16) {
        for (; i + 4 <= m; i += 4) {
          dots16(w, x, i * stride + from, stride, padded, partials, i * ROWS * 16);
        }
      } else if (count == ROWS && L == 8) {
        for (; i + 2 <= m; i += 2) {
          dots8(w, x, i * stride + from, stride, padded, partials, i * ROWS * 16, 0);
          dots8(w, x, i * stride + from, stride, padded, partials, i * ROWS * 16, 8);
        }
      }
      for (; i < m; i++) {
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

  /**
   * The same with four rows of x, {@code stride} apart: a row of w is loaded once for all of them,
   * and there are as many loads as half the multiplications, which is what a core can do.
   */
  private static void dots16(float[] w, float[] x, int xo, int stride, int n, float[] p, int at) {
    FloatVector a0 = FloatVector.fromArray(F, p, at);
    FloatVector b0 = FloatVector.fromArray(F, p, at + 16);
    FloatVector c0 = FloatVector.fromArray(F, p, at + 32);
    FloatVector d0 = FloatVector.fromArray(F, p, at + 48);
    FloatVector a1 = FloatVector.fromArray(F, p, at + 64);
    FloatVector b1 = FloatVector.fromArray(F, p, at + 80);
    FloatVector c1 = FloatVector.fromArray(F, p, at + 96);
    FloatVector d1 = FloatVector.fromArray(F, p, at + 112);
    FloatVector a2 = FloatVector.fromArray(F, p, at + 128);
    FloatVector b2 = FloatVector.fromArray(F, p, at + 144);
    FloatVector c2 = FloatVector.fromArray(F, p, at + 160);
    FloatVector d2 = FloatVector.fromArray(F, p, at + 176);
    FloatVector a3 = FloatVector.fromArray(F, p, at + 192);
    FloatVector b3 = FloatVector.fromArray(F, p, at + 208);
    FloatVector c3 = FloatVector.fromArray(F, p, at + 224);
    FloatVector d3 = FloatVector.fromArray(F, p, at + 240);
    int x1 = xo + stride;
    int x2 = x1 + stride;
    int x3 = x2 + stride;
    for (int i = 0; i < n; i += 16) {
      FloatVector w0 = FloatVector.fromArray(F, w, i);
      FloatVector w1 = FloatVector.fromArray(F, w, n + i);
      FloatVector w2 = FloatVector.fromArray(F, w, 2 * n + i);
      FloatVector w3 = FloatVector.fromArray(F, w, 3 * n + i);
      FloatVector v = FloatVector.fromArray(F, x, xo + i);
      a0 = w0.fma(v, a0);
      b0 = w1.fma(v, b0);
      c0 = w2.fma(v, c0);
      d0 = w3.fma(v, d0);
      v = FloatVector.fromArray(F, x, x1 + i);
      a1 = w0.fma(v, a1);
      b1 = w1.fma(v, b1);
      c1 = w2.fma(v, c1);
      d1 = w3.fma(v, d1);
      v = FloatVector.fromArray(F, x, x2 + i);
      a2 = w0.fma(v, a2);
      b2 = w1.fma(v, b2);
      c2 = w2.fma(v, c2);
      d2 = w3.fma(v, d2);
      v = FloatVector.fromArray(F, x, x3 + i);
      a3 = w0.fma(v, a3);
      b3 = w1.fma(v, b3);
      c3 = w2.fma(v, c3);
      d3 = w3.fma(v, d3);
    }
    a0.intoArray(p, at);
    b0.intoArray(p, at + 16);
    c0.intoArray(p, at + 32);
    d0.intoArray(p, at + 48);
    a1.intoArray(p, at + 64);
    b1.intoArray(p, at + 80);
    c1.intoArray(p, at + 96);
    d1.intoArray(p, at + 112);
    a2.intoArray(p, at + 128);
    b2.intoArray(p, at + 144);
    c2.intoArray(p, at + 160);
    d2.intoArray(p, at + 176);
    a3.intoArray(p, at + 192);
    b3.intoArray(p, at + 208);
    c3.intoArray(p, at + 224);
    d3.intoArray(p, at + 240);
  }

  /** Likewise two rows of x, for eight of the sixteen partials: {@code h} is 0 or 8. */
  private static void dots8(
      float[] w, float[] x, int xo, int stride, int n, float[] p, int at, int h) {
    FloatVector a0 = FloatVector.fromArray(F, p, at + 0 + h);
    FloatVector b0 = FloatVector.fromArray(F, p, at + 16 + h);
    FloatVector c0 = FloatVector.fromArray(F, p, at + 32 + h);
    FloatVector d0 = FloatVector.fromArray(F, p, at + 48 + h);
    FloatVector a1 = FloatVector.fromArray(F, p, at + 64 + h);
    FloatVector b1 = FloatVector.fromArray(F, p, at + 80 + h);
    FloatVector c1 = FloatVector.fromArray(F, p, at + 96 + h);
    FloatVector d1 = FloatVector.fromArray(F, p, at + 112 + h);
    int x1 = xo + stride;
    for (int i = h; i < n; i += 16) {
      FloatVector w0 = FloatVector.fromArray(F, w, i);
      FloatVector w1 = FloatVector.fromArray(F, w, n + i);
      FloatVector w2 = FloatVector.fromArray(F, w, 2 * n + i);
      FloatVector w3 = FloatVector.fromArray(F, w, 3 * n + i);
      FloatVector v = FloatVector.fromArray(F, x, xo + i);
      a0 = w0.fma(v, a0);
      b0 = w1.fma(v, b0);
      c0 = w2.fma(v, c0);
      d0 = w3.fma(v, d0);
      v = FloatVector.fromArray(F, x, x1 + i);
      a1 = w0.fma(v, a1);
      b1 = w1.fma(v, b1);
      c1 = w2.fma(v, c1);
      d1 = w3.fma(v, d1);
    }
    a0.intoArray(p, at + 0 + h);
    b0.intoArray(p, at + 16 + h);
    c0.intoArray(p, at + 32 + h);
    d0.intoArray(p, at + 48 + h);
    a1.intoArray(p, at + 64 + h);
    b1.intoArray(p, at + 80 + h);
    c1.intoArray(p, at + 96 + h);
    d1.intoArray(p, at + 112 + h);
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
