// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;
import static llmengine.engine.cpu.MicroKernel.KC;
import static llmengine.engine.cpu.MicroKernel.LD;
import static llmengine.engine.cpu.MicroKernel.NR;
import static llmengine.engine.cpu.Window.ALL;
import static llmengine.engine.cpu.Window.ORDER;

import jdk.incubator.vector.FloatVector;
import llmengine.engine.Packing;

/**
 * Panels for {@link MicroKernel}: A by rows, LD apart; B in NR columns, row k at k * NR. bf16 and
 * f16 become f32 here, once a panel. What lies beyond a matrix's edge is never used, so the padding
 * holds whatever was there.
 */
final class GemmPack {
  /** Rows of A in one packing chunk; a multiple of every L. */
  static final int ROWS = 48;

  /**
   * Columns of a packed B (K, N) in one packing chunk: whole blocks of every format, each decoded
   * once although it feeds several panels.
   */
  static final int COLUMNS = 256;

  // Rows of one transposition, L x LD floats a worker.
  private final float[][] blocks;

  GemmPack(int threads) {
    blocks = new float[threads][L * LD];
  }

  /** A (M, K): rows are copied. */
  static void aByRows(int kind, long from, long stride, int count, int depth, float[] to, int at) {
    long bytes = stride * Load.bytes(kind);
    for (int i = 0; i < count; i++) {
      Load.run(kind, from + i * bytes, depth, to, at + i * LD);
    }
  }

  /** A (K, M): L values of k at a time are read along M and transposed. */
  void aByColumns(
      int worker, int kind, long from, long stride, int count, int depth, float[] to, int at) {
    float[] block = blocks[worker];
    long bytes = stride * Load.bytes(kind);
    for (int k = 0; k < depth; k += L) {
      int rows = Math.min(L, depth - k);
      for (int r = 0; r < rows; r++) {
        Load.run(kind, from + (k + r) * bytes, count, block, r * LD);
      }
      // Writes up to L - 1 values past `depth` in a row, which LD leaves room for.
      Transpose.rows(block, 0, LD, Gemm.roundUp(count, L), to, at + k, LD);
    }
  }

  /** B (N, K): L rows at a time become L columns of the panel. */
  void bByRows(
      int worker, int kind, long from, long stride, int count, int depth, float[] to, int at) {
    float[] block = blocks[worker];
    long bytes = stride * Load.bytes(kind);
    for (int j = 0; j < count; j += L) {
      int rows = Math.min(L, count - j);
      for (int r = 0; r < rows; r++) {
        Load.run(kind, from + (j + r) * bytes, depth, block, r * LD);
      }
      Transpose.rows(block, 0, LD, Gemm.roundUp(depth, L), to, at + j, NR);
    }
  }

  /** B (K, N): rows are copied, NR wide. */
  static void bByColumns(
      int kind, long from, long stride, int count, int depth, float[] to, int at) {
    long bytes = stride * Load.bytes(kind);
    for (int k = 0; k < depth; k++) {
      Load.run(kind, from + k * bytes, count, to, at + k * NR);
    }
  }

  /** Packed B (N, K), rows from {@code row} and k from {@code k} on. */
  void bByRows(int worker, Packing b, int row, int k, int count, int depth, float[] to, int at) {
    float[] block = blocks[worker];
    for (int j = 0; j < count; j += L) {
      b.decode(row + j, k, Math.min(L, count - j), depth, block, 0, LD);
      Transpose.rows(block, 0, LD, Gemm.roundUp(depth, L), to, at + j, NR);
    }
  }

  /**
   * Packed B (K, N): {@code count} columns from {@code column} on, which are one or more panels, NR
   * * KC apart.
   */
  void bByColumns(
      int worker, Packing b, int k, int column, int count, int depth, float[] to, int at) {
    float[] block = blocks[worker];
    for (int i = 0; i < depth; i += L) {
      int rows = Math.min(L, depth - i);
      b.decode(k + i, column, rows, count, block, 0, LD);
      for (int r = 0; r < rows; r++) {
        split(block, r * LD, count, to, at + (i + r) * NR);
      }
    }
  }

  /** Deals a row out to panels. */
  private static void split(float[] row, int from, int count, float[] to, int at) {
    for (int j = 0; j < count; j += NR) {
      System.arraycopy(row, from + j, to, at + j * KC, Math.min(NR, count - j));
    }
  }

  /** C = alpha * tile, or C = fma(alpha, tile, C). */
  static void store(
      float[] tile, int height, int width, float alpha, boolean accumulate, long to, long stride) {
    for (int i = 0; i < height; i++) {
      long row = to + 4 * i * stride;
      if (width == NR) {
        wholeRow(tile, i * NR, alpha, accumulate, row);
      } else if (accumulate) {
        addRow(tile, i * NR, width, alpha, row);
      } else {
        setRow(tile, i * NR, width, alpha, row);
      }
    }
  }

  /** NR floats, which are two vectors. */
  private static void wholeRow(float[] tile, int at, float alpha, boolean accumulate, long to) {
    FloatVector scale = FloatVector.broadcast(F, alpha);
    FloatVector low = FloatVector.fromArray(F, tile, at);
    FloatVector high = FloatVector.fromArray(F, tile, at + L);
    if (accumulate) {
      low = low.fma(scale, FloatVector.fromMemorySegment(F, ALL, to, ORDER));
      high = high.fma(scale, FloatVector.fromMemorySegment(F, ALL, to + 4L * L, ORDER));
    } else {
      low = low.mul(scale);
      high = high.mul(scale);
    }
    low.intoMemorySegment(ALL, to, ORDER);
    high.intoMemorySegment(ALL, to + 4L * L, ORDER);
  }

  private static void addRow(float[] tile, int at, int width, float alpha, long to) {
    FloatVector scale = FloatVector.broadcast(F, alpha);
    int j = 0;
    for (; j <= width - L; j += L) {
      long address = to + 4L * j;
      FloatVector old = FloatVector.fromMemorySegment(F, ALL, address, ORDER);
      FloatVector.fromArray(F, tile, at + j).fma(scale, old).intoMemorySegment(ALL, address, ORDER);
    }
    for (; j < width; j++) {
      long address = to + 4L * j;
      Window.putFloat(address, Math.fma(tile[at + j], alpha, Window.getFloat(address)));
    }
  }

  private static void setRow(float[] tile, int at, int width, float alpha, long to) {
    FloatVector scale = FloatVector.broadcast(F, alpha);
    int j = 0;
    for (; j <= width - L; j += L) {
      FloatVector.fromArray(F, tile, at + j).mul(scale).intoMemorySegment(ALL, to + 4L * j, ORDER);
    }
    for (; j < width; j++) {
      Window.putFloat(to + 4L * j, tile[at + j] * alpha);
    }
  }
}
