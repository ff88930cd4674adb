// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.AttentionTiles.KEYS;
import static llmengine.engine.cpu.AttentionTiles.ROWS;
import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;
import static llmengine.engine.cpu.MicroKernel.LD;
import static llmengine.engine.cpu.MicroKernel.NR;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import llmengine.engine.AttentionShape;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;

/**
 * Gradients of attention for one sequence and key/value head (Dao 2023, algorithm 2): with P
 * recomputed from the saved log-sum-exp and delta = sum(dO O) per row,
 *
 * <pre>dV = P^T dO,  dP = dO V^T,  dS = P (dP - delta),  dQ = scale dS K,  dK = scale dS^T Q.</pre>
 *
 * Blocks of keys outside, blocks of queries inside, both ascending; results are added to dq, dk,
 * dv, each of which may be null.
 */
record AttentionGradient(
    Tensor dout,
    Tensor q,
    Tensor k,
    Tensor v,
    Tensor out,
    Tensor lse,
    Segments segments,
    AttentionShape shape,
    Tensor dq,
    Tensor dk,
    Tensor dv,
    AttentionTiles tiles) {

  /** A worker's panels that only the backward pass needs. */
  static final class Panels {
    final float[] dOut = new float[ROWS * LD]; // (ROWS, D)
    final float[] p = new float[ROWS * LD]; // (ROWS, KEYS)
    final float[] ds = new float[ROWS * LD]; // (ROWS, KEYS)
    final float[] valuesT = new float[KEYS * MicroKernel.KC]; // (D, KEYS), panels
    final float[] dOutColumns = new float[ROWS * MicroKernel.KC]; // (ROWS, D), panels
    final float[] queryColumns = new float[ROWS * MicroKernel.KC]; // (ROWS, D), panels
    final float[] dKeys = new float[KEYS * LD]; // (KEYS, D)
    final float[] dValues = new float[KEYS * LD]; // (KEYS, D)
    final float[] delta = new float[ROWS];
    final float[] lse = new float[ROWS];
  }

  void run(int sequence, int kvHead) {
    int queries = segments.queryLength()[sequence];
    int perBlock = AttentionTiles.queriesPerBlock(shape);
    int d = shape.headDim();
    tiles.start(0, d);
    Panels panels = tiles.panels();
    for (int from = 0; from < segments.keyLength()[sequence]; from += KEYS) {
      int keys = Math.min(KEYS, segments.keyLength()[sequence] - from);
      var any = new AttentionTiles.Block(shape, segments, sequence, kvHead, 0, perBlock);
      tiles.packTransposed(k, any, from, keys, tiles.keysT);
      tiles.packTransposed(v, any, from, keys, panels.valuesT);
      tiles.pack(k, any, from, keys, tiles.values);
      Arrays.fill(panels.dKeys, 0, keys * LD, 0);
      Arrays.fill(panels.dValues, 0, keys * LD, 0);
      for (int start = 0; start < queries; start += perBlock) {
        var at = new AttentionTiles.Block(shape, segments, sequence, kvHead, start, perBlock);
        if (at.lastKey() >= from && at.firstKey(0) < from + keys) {
          block(at, from, keys, panels);
        }
      }
      for (int j = 0; j < keys; j++) {
        if (dk != null) {
          Store.add(
              panels.dKeys, j * LD, d, Pieces.address(dk, any.key(from + j), (long) kvHead * d));
        }
        if (dv != null) {
          Store.add(
              panels.dValues, j * LD, d, Pieces.address(dv, any.key(from + j), (long) kvHead * d));
        }
      }
    }
  }

  private void block(AttentionTiles.Block at, int from, int keys, Panels panels) {
    int d = shape.headDim();
    int rows = at.rows();
    tiles.start(rows, d);
    tiles.stageQueries(q, at);
    AttentionTiles.stage(dout, at, panels.dOut);
    rowSums(at, panels);
    tiles.scores(tiles.query, tiles.keysT, d, at, from, keys, tiles.score);
    tiles.scores(panels.dOut, panels.valuesT, d, at, from, keys, panels.ds);
    scoreGradients(at, from, keys, panels);
    if (dv != null) {
      columns(panels.dOut, rows, d, panels.dOutColumns);
      addTransposed(panels.p, panels.dOutColumns, at, from, keys, panels.dValues);
    }
    if (dk != null) {
      columns(tiles.query, rows, d, panels.queryColumns);
      addTransposed(panels.ds, panels.queryColumns, at, from, keys, panels.dKeys);
    }
    if (dq != null) {
      addQueries(at, from, keys, panels);
    }
  }

  /** delta = sum of dO * O, and the saved log-sum-exp, for each row. */
  private void rowSums(AttentionTiles.Block at, Panels panels) {
    int d = shape.headDim();
    float[] row = tiles.row;
    for (int r = 0; r < at.rows(); r++) {
      long column = (long) at.head(r) * d;
      Load.run(Pieces.kind(out), Pieces.address(out, at.query(r), column), d, row, 0);
      Scratch.zeroPadding(row, d);
      for (int i = d; i < Scratch.padded(d); i++) {
        panels.dOut[r * LD + i] = 0;
      }
      panels.delta[r] = Sums.dot(panels.dOut, r * LD, row, 0, d);
      panels.lse[r] = Window.getFloat(Pieces.address(lse, at.query(r), at.head(r)));
    }
  }

  private void scoreGradients(AttentionTiles.Block at, int from, int keys, Panels panels) {
    int width = Scratch.padded(keys);
    float cap = shape.softcap();
    for (int r = 0; r < at.rows(); r++) {
      int o = r * LD;
      if (cap > 0) {
        AttentionTiles.cap(tiles.score, o, cap, width);
        capFactor(tiles.score, o, 1 / cap, panels.delta[r], panels.ds, width);
      } else {
        subtract(panels.ds, o, panels.delta[r], width);
      }
      System.arraycopy(tiles.score, o, panels.p, o, width);
      AttentionTiles.mask(at, r, from, width, panels.p, o, Float.NEGATIVE_INFINITY);
      AttentionTiles.exp(panels.p, o, panels.lse[r], width);
      multiply(panels.ds, panels.p, o, width);
      AttentionTiles.mask(at, r, from, width, panels.ds, o, 0);
    }
  }

  /** x -= s. */
  private static void subtract(float[] x, int o, float s, int n) {
    for (int i = o; i < o + n; i += L) {
      FloatVector.fromArray(F, x, i).sub(s).intoArray(x, i);
    }
  }

  /** x = (x - s) * (1 - (capped / cap)^2). */
  private static void capFactor(
      float[] capped, int o, float inverseCap, float s, float[] x, int n) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = o; i < o + n; i += L) {
      FloatVector t = FloatVector.fromArray(F, capped, i).mul(inverseCap);
      FloatVector.fromArray(F, x, i).sub(s).mul(one.sub(t.mul(t))).intoArray(x, i);
    }
  }

  private static void multiply(float[] x, float[] y, int o, int n) {
    for (int i = o; i < o + n; i += L) {
      FloatVector.fromArray(F, x, i).mul(FloatVector.fromArray(F, y, i)).intoArray(x, i);
    }
  }

  /** (rows, D) by rows into panels of NR columns. */
  private static void columns(float[] from, int rows, int d, float[] to) {
    for (int c = 0; c < d; c += NR) {
      for (int r = 0; r < rows; r++) {
        System.arraycopy(from, r * LD + c, to, c * ROWS + r * NR, NR);
      }
    }
  }

  /** to (keys, D) += a (rows, keys)^T * b (rows, D). */
  private void addTransposed(
      float[] a, float[] b, AttentionTiles.Block at, int from, int keys, float[] to) {
    int d = shape.headDim();
    int groups = at.groups();
    int shift = from - at.lastKey(0); // first query of the block that sees key `from`
    int padded = Gemm.roundUp(keys, MicroKernel.ROW_STEP);
    for (int j = 0; j < padded; ) {
      int step = MicroKernel.rows(padded - j);
      int count = Math.min(step, keys - j);
      // Rows before the first that sees key j hold exact zeros, as do those whose window has
      // passed.
      int r0 = Math.clamp((long) (shift + j) * groups, 0, at.rows());
      int r1 = at.rows();
      if (shape.window() > 0) {
        long last = (long) shift + j + count - 1 + shape.window();
        r1 = Math.clamp(last * groups, r0, at.rows());
      }
      for (int c = 0; c < d; c += NR) {
        MicroKernel.tileT(step, a, r0 * LD + j, b, c * ROWS + r0 * NR, r1 - r0, tiles.tile, 0, NR);
        for (int i = 0; i < count; i++) {
          add(tiles.tile, i * NR, to, (j + i) * LD + c);
        }
      }
      j += step;
    }
  }

  private static void add(float[] x, int xo, float[] y, int yo) {
    for (int i = 0; i < NR; i += L) {
      FloatVector sum =
          FloatVector.fromArray(F, y, yo + i).add(FloatVector.fromArray(F, x, xo + i));
      sum.intoArray(y, yo + i);
    }
  }

  /** dq += scale * ds (rows, keys) * K (keys, D). */
  private void addQueries(AttentionTiles.Block at, int from, int keys, Panels panels) {
    int d = shape.headDim();
    int rows = Gemm.roundUp(at.rows(), MicroKernel.ROW_STEP);
    float[] tile = tiles.tile;
    for (int r = 0; r < rows; ) {
      int step = MicroKernel.rows(rows - r);
      int end = Math.min(at.rows(), r + step);
      int k0 = Math.clamp((long) at.firstKey(r) - from, 0, keys);
      int k1 = Math.clamp((long) at.lastKey(end - 1) + 1 - from, k0, keys);
      for (int c = 0; k1 > k0 && c < d; c += NR) {
        MicroKernel.tile(
            step, panels.ds, r * LD + k0, tiles.values, c * KEYS + k0 * NR, k1 - k0, tile, 0, NR);
        Rowwise.scale(tile, 0, shape.scale(), tile, 0, (end - r) * NR);
        for (int i = r; i < end; i++) {
          long to = Pieces.address(dq, at.query(i), (long) at.head(i) * d + c);
          Store.add(tile, (i - r) * NR, Math.min(NR, d - c), to);
        }
      }
      r += step;
    }
  }
}
