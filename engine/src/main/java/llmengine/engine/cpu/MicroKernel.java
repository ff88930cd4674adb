// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

/**
 * The innermost product: c(rows, NR) = a(rows, depth) * b(depth, NR) on packed panels. Every
 * element is one FMA chain over ascending k that starts at zero, whatever the tile's shape or the
 * vector width, so neither can be seen in the result.
 */
final class MicroKernel {
  /** Depth of a block of k. Part of the arithmetic: blocks are added in order. Never tuned. */
  static final int KC = 256;

  /** Distance between rows of a packed A: KC plus one cache line, so that rows spread over sets. */
  static final int LD = KC + 16;

  /** Columns of a packed B panel. */
  static final int NR =
      switch (Lanes.BITS) {
        case 128 -> MicroKernel128.NR;
        case 256 -> MicroKernel256.NR;
        default -> MicroKernel512.NR;
      };

  /** The most rows a tile has. */
  static final int MR = Lanes.BITS == 512 ? 8 : 4;

  /** Rows of packed A are padded to a multiple of this. */
  static final int ROW_STEP = 4;

  private MicroKernel() {}

  /** Rows of the next tile when {@code left} rows (a multiple of ROW_STEP) remain. */
  static int rows(int left) {
    return left >= MR ? MR : left;
  }

  /**
   * Writes c[co + i * cs + j] = sum over k of a[ao + i * LD + k] * b[bo + k * NR + j] for i in [0,
   * rows), j in [0, NR), k in [0, depth).
   */
  static void tile(
      int rows, float[] a, int ao, float[] b, int bo, int depth, float[] c, int co, int cs) {
    switch (Lanes.BITS) {
      case 128 -> MicroKernel128.tile(rows, a, ao, b, bo, depth, c, co, cs);
      case 256 -> MicroKernel256.tile(rows, a, ao, b, bo, depth, c, co, cs);
      default -> MicroKernel512.tile(rows, a, ao, b, bo, depth, c, co, cs);
    }
  }

  /** The same with A by columns: its elements are a[ao + k * LD + i]. */
  static void tileT(
      int rows, float[] a, int ao, float[] b, int bo, int depth, float[] c, int co, int cs) {
    switch (Lanes.BITS) {
      case 128 -> MicroKernel128T.tile(rows, a, ao, b, bo, depth, c, co, cs);
      case 256 -> MicroKernel256T.tile(rows, a, ao, b, bo, depth, c, co, cs);
      default -> MicroKernel512T.tile(rows, a, ao, b, bo, depth, c, co, cs);
    }
  }
}
