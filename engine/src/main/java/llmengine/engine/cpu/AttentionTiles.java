// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;
import static llmengine.engine.cpu.MicroKernel.LD;
import static llmengine.engine.cpu.MicroKernel.NR;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import llmengine.engine.AttentionShape;
import llmengine.engine.Segments;
import llmengine.engine.ShapeException;
import llmengine.engine.Tensor;

/** One worker's panels for a block of queries (ROWS rows at most) and a block of KEYS keys. */
final class AttentionTiles {
  /** Keys of a block: part of the arithmetic, never tuned. */
  static final int KEYS = 128;

  /**
   * Rows (queries times heads that share a key/value head) of a block: whole tiles at every width.
   */
  static final int ROWS = 144;

  /** Queries of one sequence and key/value head, with the heads that share it stacked. */
  record Block(
      AttentionShape shape, Segments segments, int sequence, int kvHead, int from, int perBlock) {
    int groups() {
      return shape.heads() / shape.kvHeads();
    }

    int queries() {
      return Math.min(perBlock, segments.queryLength()[sequence] - from);
    }

    int rows() {
      return queries() * groups();
    }

    /** Row of the query tensor. */
    int query(int row) {
      return segments.queryStart()[sequence] + from + row / groups();
    }

    int head(int row) {
      return kvHead * groups() + row % groups();
    }

    /** Row of the key tensor. */
    int key(int j) {
      return segments.key(sequence, j);
    }

    /** The last key that a row sees. */
    int lastKey(int row) {
      return from
          + row / groups()
          + segments.keyLength()[sequence]
          - segments.queryLength()[sequence];
    }

    int firstKey(int row) {
      return shape.window() > 0 ? Math.max(0, lastKey(row) - shape.window() + 1) : 0;
    }

    /** The last key that any row sees. */
    int lastKey() {
      return lastKey(rows() - 1);
    }

    /** Start of the first block of keys that some row sees. */
    int firstBlock() {
      return firstKey(0) / KEYS * KEYS;
    }
  }

  // Matrices by rows, LD apart.
  float[] query = new float[0]; // (ROWS, D), scaled
  final float[] score = new float[ROWS * LD]; // (ROWS, KEYS)
  float[] output = new float[0]; // (ROWS, D)
  // Panels of NR columns.
  float[] keysT = new float[0]; // (D, KEYS)
  float[] values = new float[0]; // (KEYS, D)

  final float[] max = new float[ROWS];
  final float[] sum = new float[ROWS];
  final float[] correction = new float[ROWS];
  final float[] tile = new float[MicroKernel.MR * NR];
  float[] row = new float[0];
  final GemmPack pack = new GemmPack(1);
  private AttentionGradient.Panels panels;

  AttentionGradient.Panels panels() {
    if (panels == null) {
      panels = new AttentionGradient.Panels();
    }
    return panels;
  }

  static int queriesPerBlock(AttentionShape shape) {
    int groups = shape.heads() / shape.kvHeads();
    return Math.max(1, ROWS / groups);
  }

  void start(int rows, int d) {
    if (rows > ROWS || d > MicroKernel.KC) {
      throw new ShapeException(
          "attention: head too wide or too many heads share a key/value head: expected headDim <= "
              + MicroKernel.KC
              + " and at most "
              + ROWS
              + " heads, got headDim "
              + d
              + " and "
              + rows
              + " rows.");
    }
    if (query.length == 0) {
      query = new float[ROWS * LD];
      output = new float[ROWS * LD];
      keysT = new float[KEYS * MicroKernel.KC];
      values = new float[KEYS * Gemm.roundUp(MicroKernel.KC, NR)];
      row = new float[MicroKernel.KC];
    }
    Arrays.fill(max, 0, rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0, rows, 0);
    for (int r = 0; r < rows; r++) {
      Arrays.fill(output, r * LD, r * LD + Gemm.roundUp(d, NR), 0);
    }
  }

  void stageQueries(Tensor q, Block at) {
    stage(q, at, query);
    int d = Scratch.padded(at.shape().headDim());
    for (int r = 0; r < at.rows(); r++) {
      Rowwise.scale(query, r * LD, at.shape().scale(), query, r * LD, d);
    }
  }

  /** Rows of a tensor laid out as the queries are. */
  static void stage(Tensor t, Block at, float[] to) {
    int d = at.shape().headDim();
    for (int r = 0; r < at.rows(); r++) {
      long from = Pieces.address(t, at.query(r), (long) at.head(r) * d);
      Load.run(Pieces.kind(t), from, d, to, r * LD);
    }
  }

  /** Keys from .. from + keys as columns: (D, keys). */
  void packTransposed(Tensor t, Block at, int from, int keys, float[] to) {
    int d = at.shape().headDim();
    for (int j = 0; j < keys; j += NR) {
      int count = Math.min(NR, keys - j);
      if (at.segments().adjacentKeys(at.sequence(), from + j, count) < count) {
        packApart(t, at, from + j, count, to, j * MicroKernel.KC);
        continue;
      }
      long address = Pieces.address(t, at.key(from + j), (long) at.kvHead() * d);
      pack.bByRows(0, Pieces.kind(t), address, t.rowStride(), count, d, to, j * MicroKernel.KC);
    }
  }

  /** One panel of keys as columns where its rows don't follow each other: a shared prefix ends. */
  private void packApart(Tensor t, Block at, int from, int count, float[] to, int o) {
    int d = at.shape().headDim();
    for (int j = 0; j < count; j++) {
      long address = Pieces.address(t, at.key(from + j), (long) at.kvHead() * d);
      Load.run(Pieces.kind(t), address, d, row, 0);
      for (int c = 0; c < d; c++) {
        to[o + c * NR + j] = row[c];
      }
    }
  }

  /** Keys from .. from + keys as rows: (keys, D). */
  void pack(Tensor t, Block at, int from, int keys, float[] to) {
    int d = at.shape().headDim();
    for (int k = 0; k < keys; ) {
      int n = at.segments().adjacentKeys(at.sequence(), from + k, keys - k);
      for (int c = 0; c < d; c += NR) {
        long address = Pieces.address(t, at.key(from + k), (long) at.kvHead() * d + c);
        int count = Math.min(NR, d - c);
        GemmPack.bByColumns(
            Pieces.kind(t), address, t.rowStride(), count, n, to, c * KEYS + k * NR);
      }
      k += n;
    }
  }

  /** to (rows, keys) = a (rows, D) * b (D, keys); tiles that no row sees are left out. */
  void scores(float[] a, float[] b, int d, Block at, int from, int keys, float[] to) {
    int rows = Gemm.roundUp(at.rows(), MicroKernel.ROW_STEP);
    for (int j = 0; j < keys; j += NR) {
      for (int r = 0; r < rows; ) {
        int step = MicroKernel.rows(rows - r);
        int end = Math.min(at.rows(), r + step) - 1;
        if (from + j <= at.lastKey(end) && from + j + NR > at.firstKey(r)) {
          MicroKernel.tile(step, a, r * LD, b, j * MicroKernel.KC, d, to, r * LD + j, LD);
        }
        r += step;
      }
    }
  }

  /**
   * Turns scores into exponentials relative to the running maximum, and brings maximum, sum and
   * {@link #correction} (what earlier exponentials are to be multiplied with) up to date.
   */
  void softmax(Block at, int from, int keys) {
    int width = Scratch.padded(keys);
    int rows = at.rows();
    float cap = at.shape().softcap();
    for (int r = 0; r < rows; r++) {
      int o = r * LD;
      if (cap > 0) {
        cap(score, o, cap, width);
      }
      mask(at, r, from, width, score, o, Float.NEGATIVE_INFINITY);
      float top = Math.max(max[r], Sums.max(score, o, o + width));
      correction[r] = max[r] - top; // NaN if both are -infinity: no key seen so far
      max[r] = top;
    }
    exp(correction, rows);
    for (int r = 0; r < rows; r++) {
      int o = r * LD;
      float reference = max[r] == Float.NEGATIVE_INFINITY ? 0 : max[r];
      exp(score, o, reference, width);
      if (sum[r] == 0) {
        correction[r] = 0;
      }
      sum[r] = Math.fma(sum[r], correction[r], Sums.sum(score, o, width));
    }
  }

  /** Overwrites the scores of keys that a row does not see. */
  static void mask(Block at, int row, int from, int width, float[] scores, int o, float value) {
    int begin = Math.clamp((long) at.firstKey(row) - from, 0, width);
    int end = Math.clamp((long) at.lastKey(row) + 1 - from, begin, width);
    Arrays.fill(scores, o, o + begin, value);
    Arrays.fill(scores, o + end, o + width, value);
  }

  /** output = output * correction + score (rows, keys) * values (keys, D). */
  void addOutput(Block at, int from, int keys) {
    int d = at.shape().headDim();
    int rows = Gemm.roundUp(at.rows(), MicroKernel.ROW_STEP);
    for (int c = 0; c < d; c += NR) {
      for (int r = 0; r < rows; ) {
        int step = MicroKernel.rows(rows - r);
        int end = Math.min(at.rows(), r + step);
        // Exact zeros outside of what the tile's rows see are left out of the chain.
        int k0 = Math.clamp((long) at.firstKey(r) - from, 0, keys);
        int k1 = Math.clamp((long) at.lastKey(end - 1) + 1 - from, k0, keys);
        MicroKernel.tile(
            step, score, r * LD + k0, values, c * KEYS + k0 * NR, k1 - k0, tile, 0, NR);
        for (int i = r; i < end; i++) {
          rescale(output, i * LD + c, correction[i], tile, (i - r) * NR);
        }
        r += step;
      }
    }
  }

  private static void rescale(float[] y, int yo, float scale, float[] x, int xo) {
    FloatVector s = FloatVector.broadcast(F, scale);
    for (int i = 0; i < NR; i += L) {
      FloatVector old = FloatVector.fromArray(F, y, yo + i);
      old.fma(s, FloatVector.fromArray(F, x, xo + i)).intoArray(y, yo + i);
    }
  }

  static void cap(float[] z, int o, float cap, int n) {
    float inverse = 1 / cap;
    for (int i = o; i < o + n; i += L) {
      VectorMath.tanh(FloatVector.fromArray(F, z, i).mul(inverse)).mul(cap).intoArray(z, i);
    }
  }

  private static void exp(float[] x, int n) {
    for (int i = 0; i < n; i += L) {
      VectorMath.exp(FloatVector.fromArray(F, x, i)).intoArray(x, i);
    }
  }

  /** x = e^(x - minus). */
  static void exp(float[] x, int o, float minus, int n) {
    for (int i = o; i < o + n; i += L) {
      VectorMath.exp(FloatVector.fromArray(F, x, i).sub(minus)).intoArray(x, i);
    }
  }
}
