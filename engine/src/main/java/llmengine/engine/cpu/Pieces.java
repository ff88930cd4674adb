// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import llmengine.engine.Buffer;
import llmengine.engine.DType;
import llmengine.engine.Tensor;

/**
 * Cuts element-wise work on matrices into pieces that fit a first-level cache, and turns tensors
 * into addresses.
 */
final class Pieces {
  /** Elements of a piece. */
  static final int SIZE = 2048;

  /** Elements that are worth waking a thread for. */
  static final int GRAIN = 16384;

  /** Work on {@code n} elements from (row, column) on. */
  interface Piece {
    void run(int row, long column, int n, Scratch scratch);
  }

  /** Work on one row. */
  interface Row {
    void run(int row, Scratch scratch);
  }

  private Pieces() {}

  /** Address of an element; {@code column} may run on through the rows of a contiguous tensor. */
  static long address(Tensor t, long row, long column) {
    return ((Buffer.Host) t.buffer()).address()
        + t.offset()
        + (row * t.rowStride() + column) * t.dtype().bytes();
  }

  /** The kind that {@link Load} knows it by. */
  static int kind(Tensor t) {
    return switch (t.dtype()) {
      case F32 -> Load.F32;
      case BF16 -> Load.BF16;
      case F16 -> Load.F16;
      case I32, I8, U8, PACKED -> throw new AssertionError("no float tensor: " + t);
    };
  }

  /** Reads {@code n} elements into a scratch buffer; of a packed matrix, within one row. */
  static float[] load(Tensor t, long row, long column, int n, Scratch scratch, int slot) {
    float[] buffer = scratch.slot(slot, n);
    if (t.dtype() == DType.PACKED) {
      t.packing().decode((int) row, (int) column, 1, n, buffer, 0, n);
      return buffer;
    }
    Load.run(kind(t), address(t, row, column), n, buffer, 0);
    return buffer;
  }

  static int integer(Tensor t, long i) {
    assert t.dtype() == DType.I32;
    return Window.getInt(address(t, 0, i));
  }

  /** Runs {@code piece} over a matrix whose operands all have its shape. */
  static void each(Team team, Piece piece, Tensor shape, Tensor... others) {
    int rows = shape.rows();
    int columns = shape.cols();
    boolean flat = shape.isContiguous();
    for (Tensor other : others) {
      flat &= other == null || other.isContiguous() && other.dtype() != DType.PACKED;
    }
    if (rows == 0 || columns == 0) {
      return;
    }
    if (flat) {
      flat(team, piece, (long) rows * columns);
      return;
    }
    int rowsPerChunk = Math.max(1, GRAIN / columns);
    team.run(
        (chunk, worker) -> {
          int end = (int) Math.min(rows, (chunk + 1L) * rowsPerChunk);
          for (int row = chunk * rowsPerChunk; row < end; row++) {
            for (int c = 0; c < columns; c += SIZE) {
              piece.run(row, c, Math.min(SIZE, columns - c), team.scratch(worker));
            }
          }
        },
        (int) ((rows + (long) rowsPerChunk - 1) / rowsPerChunk));
  }

  private static void flat(Team team, Piece piece, long size) {
    long perChunk = GRAIN;
    while (size / perChunk > 1 << 20) {
      perChunk *= 2;
    }
    long grain = perChunk;
    team.run(
        (chunk, worker) -> {
          long end = Math.min(size, (chunk + 1) * grain);
          for (long at = chunk * grain; at < end; at += SIZE) {
            piece.run(0, at, (int) Math.min(SIZE, end - at), team.scratch(worker));
          }
        },
        (int) ((size + grain - 1) / grain));
  }

  /** Runs {@code body} once for each of {@code rows} rows of about {@code columns} elements. */
  static void eachRow(Team team, int rows, int columns, Row body) {
    int rowsPerChunk = Math.max(1, GRAIN / 2 / Math.max(1, columns));
    team.run(
        (chunk, worker) -> {
          int end = (int) Math.min(rows, (chunk + 1L) * rowsPerChunk);
          for (int row = chunk * rowsPerChunk; row < end; row++) {
            body.run(row, team.scratch(worker));
          }
        },
        (int) ((rows + (long) rowsPerChunk - 1) / rowsPerChunk));
  }
}
