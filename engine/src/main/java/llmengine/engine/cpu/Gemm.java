// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.MicroKernel.KC;
import static llmengine.engine.cpu.MicroKernel.LD;
import static llmengine.engine.cpu.MicroKernel.NR;

/**
 * C (M, N) = or += alpha * A * B in f32, with A and B of f32, bf16 or f16 in any of the layouts of
 * {@link Layout}, rows at any distance.
 *
 * <p>Arithmetic, the same for every thread count, tile shape and vector width: for each block of KC
 * values of k in ascending order, one FMA chain over ascending k that starts at zero; the blocks
 * are put into C in order, the first as alpha * chain (or fma(alpha, chain, C) when accumulating),
 * the others as fma(alpha, chain, C). Non-finite values travel as IEEE 754 says.
 *
 * <p>Goto's loops: for a slab of rows, for a block of k, for a slab of columns: pack A and B
 * together (all threads share the panels, so nothing is packed twice), then hand out tiles. Within
 * a chunk a B panel (KC x NR) stays in L1 while the A panels stream from L2.
 */
final class Gemm {
  /** How A and B lie in memory; C is always (M, N) by rows. */
  enum Layout {
    /** A (M, K), B (N, K): every linear layer. */
    NT,
    /** A (M, K), B (K, N): gradient of a linear layer's input. */
    NN,
    /** A (K, M), B (K, N): gradient of a linear layer's weight. */
    TN
  }

  private static final int SLAB_ROWS = 1536;
  private static final int SLAB_COLUMNS = 2048;

  /** Rows of A in one chunk: 240 x 256 floats are a quarter of a megabyte, well inside an L2. */
  private static final int CHUNK_ROWS = 240;

  private final Team team;
  private final GemmPack pack;
  private final Team.Job packing = this::packChunk;
  private final Team.Job tiles = this::tileChunk;
  private final float[][] scratch;

  private float[] packedA = new float[0];
  private float[] packedB = new float[0];

  // The product under way; guarded by the team's turn.
  private Layout layout;
  private int aKind;
  private long aAddress;
  private long aStride;
  private int bKind;
  private long bAddress;
  private long bStride;
  private long c;
  private long cStride;
  private float alpha;
  private boolean accumulate;
  private long row0;
  private int rows;
  private long column0;
  private int columns;
  private long k0;
  private int depth;
  private int aPackChunks;
  private int rowChunks;
  private int chunkRows;
  private int chunkPanels;

  Gemm(Team team) {
    this.team = team;
    this.pack = new GemmPack(team.threads());
    this.scratch = new float[team.threads()][MicroKernel.MR * NR];
  }

  /**
   * Computes C (M, N). {@code cStride} is the distance between rows of C in floats. With K = 0 the
   * product is zero: C is cleared, or left alone when accumulating.
   */
  void multiply(
      Layout layout,
      long m,
      long n,
      long k,
      float alpha,
      int aKind,
      long a,
      long aStride,
      int bKind,
      long b,
      long bStride,
      boolean accumulate,
      long c,
      long cStride) {
    if (m == 0 || n == 0) {
      return;
    }
    team.take();
    try {
      this.layout = layout;
      this.alpha = alpha;
      this.aKind = aKind;
      this.aAddress = a;
      this.aStride = aStride;
      this.bKind = bKind;
      this.bAddress = b;
      this.bStride = bStride;
      this.c = c;
      this.cStride = cStride;
      if (k == 0) {
        if (!accumulate) {
          clear(m, n);
        }
        return;
      }
      for (row0 = 0; row0 < m; row0 += SLAB_ROWS) {
        rows = (int) Math.min(SLAB_ROWS, m - row0);
        for (k0 = 0; k0 < k; k0 += KC) {
          depth = (int) Math.min(KC, k - k0);
          this.accumulate = accumulate || k0 > 0;
          for (column0 = 0; column0 < n; column0 += SLAB_COLUMNS) {
            columns = (int) Math.min(SLAB_COLUMNS, n - column0);
            slab();
          }
        }
      }
    } finally {
      team.release();
    }
  }

  private void slab() {
    int paddedRows = roundUp(rows, MicroKernel.ROW_STEP);
    int panels = ceilDiv(columns, NR);
    // A transposed block writes whole vectors of rows.
    packedA = atLeast(packedA, roundUp(rows, Lanes.L) * LD);
    packedB = atLeast(packedB, panels * NR * KC);
    // A's panels are the same for every slab of columns.
    aPackChunks = column0 == 0 ? ceilDiv(rows, GemmPack.ROWS) : 0;
    team.run(packing, aPackChunks + panels);

    rowChunks = ceilDiv(paddedRows, CHUNK_ROWS);
    chunkRows = roundUp(ceilDiv(paddedRows, rowChunks), MicroKernel.MR);
    rowChunks = ceilDiv(paddedRows, chunkRows);
    int columnChunks = Math.min(panels, Math.max(1, ceilDiv(8 * team.threads(), rowChunks)));
    chunkPanels = ceilDiv(panels, columnChunks);
    team.run(tiles, rowChunks * ceilDiv(panels, chunkPanels));
  }

  private void packChunk(int chunk, int worker) {
    if (chunk < aPackChunks) {
      int row = chunk * GemmPack.ROWS;
      int count = Math.min(GemmPack.ROWS, rows - row);
      if (layout == Layout.TN) {
        long from = aAddress + (k0 * aStride + row0 + row) * Load.bytes(aKind);
        pack.aByColumns(worker, aKind, from, aStride, count, depth, packedA, row * LD);
      } else {
        long from = aAddress + ((row0 + row) * aStride + k0) * Load.bytes(aKind);
        GemmPack.aByRows(aKind, from, aStride, count, depth, packedA, row * LD);
      }
      return;
    }
    int panel = chunk - aPackChunks;
    long column = column0 + (long) panel * NR;
    int count = Math.min(NR, columns - panel * NR);
    int to = panel * NR * KC;
    if (layout == Layout.NT) {
      long from = bAddress + (column * bStride + k0) * Load.bytes(bKind);
      pack.bByRows(worker, bKind, from, bStride, count, depth, packedB, to);
    } else {
      long from = bAddress + (k0 * bStride + column) * Load.bytes(bKind);
      GemmPack.bByColumns(bKind, from, bStride, count, depth, packedB, to);
    }
  }

  private void tileChunk(int chunk, int worker) {
    int rowStart = chunk % rowChunks * chunkRows;
    int rowEnd = Math.min(rows, rowStart + chunkRows);
    int panelStart = chunk / rowChunks * chunkPanels;
    int panelEnd = Math.min(ceilDiv(columns, NR), panelStart + chunkPanels);
    float[] tile = scratch[worker];
    for (int panel = panelStart; panel < panelEnd; panel++) {
      int width = Math.min(NR, columns - panel * NR);
      long target = c + 4 * (row0 * cStride + column0 + (long) panel * NR);
      for (int row = rowStart; row < rowEnd; ) {
        int step = MicroKernel.rows(roundUp(rowEnd - row, MicroKernel.ROW_STEP));
        int height = Math.min(step, rowEnd - row);
        MicroKernel.tile(step, packedA, row * LD, packedB, panel * NR * KC, depth, tile, 0, NR);
        long to = target + 4 * row * cStride;
        GemmPack.store(tile, height, width, alpha, accumulate, to, cStride);
        row += step;
      }
    }
  }

  private void clear(long m, long n) {
    for (long i = 0; i < m; i++) {
      Window.ALL.asSlice(c + 4 * i * cStride, 4 * n).fill((byte) 0);
    }
  }

  private static float[] atLeast(float[] panel, int size) {
    return panel.length >= size ? panel : new float[size];
  }

  static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }

  static int roundUp(int a, int step) {
    return ceilDiv(a, step) * step;
  }
}
