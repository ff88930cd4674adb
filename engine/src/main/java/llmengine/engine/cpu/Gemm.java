// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.MicroKernel.KC;
import static llmengine.engine.cpu.MicroKernel.LD;
import static llmengine.engine.cpu.MicroKernel.NR;

import llmengine.engine.DType;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;

/**
 * C (M, N) = or += alpha * A * B in f32, with A and B of f32, bf16 or f16 in any of the layouts of
 * {@link Layout}, rows at any distance. B may also be a packed matrix, which is decoded once a
 * panel.
 *
 * <p>Arithmetic, the same for every thread count, tile shape and vector width: for each block of KC
 * values of k in ascending order, one FMA chain over ascending k that starts at zero; the blocks
 * are put into C in order, the first as alpha * chain (or fma(alpha, chain, C) when accumulating),
 * the others as fma(alpha, chain, C). Non-finite values travel as IEEE 754 says.
 *
 * <p>Goto's loops: for a slab of rows, for a few blocks of k, for a slab of columns: pack A and B
 * together (all threads share the panels, so nothing is packed twice), then hand out chunks of C. A
 * chunk takes the blocks of k one after the other while its part of C stays in L2; within a block a
 * panel of B (KC x NR) stays in L1 while the panels of A stream from L2.
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

  private static final int SLAB_ROWS = 1024;
  private static final int SLAB_COLUMNS = 1024;

  /** Blocks of k that are packed at a time. */
  private static final int BLOCKS = 4;

  /** Rows of A in one chunk: 240 x 256 floats are a quarter of a megabyte, well inside an L2. */
  private static final int CHUNK_ROWS = 240;

  /** Columns of C in one chunk: again a quarter of a megabyte with the rows. */
  private static final int CHUNK_COLUMNS = 256;

  private final Team team;
  private final GemmPack pack;
  private final Team.Job packJob = this::packChunk;
  private final Team.Job tiles = this::tileChunk;
  private final float[][] scratch;

  private float[] packedA = new float[0];
  private float[] packedB = new float[0];

  // The product under way; guarded by the team's turn.
  private Layout layout;
  private int aKind;
  private long aAddress;
  private long aStride;
  private Packing packing; // of B, null if it is a plain matrix
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
  private int blockA; // floats of A's panels for one block of k
  private int blockB;
  private int aPerBlock;
  private int bPerBlock;
  private int rowChunks;
  private int chunkRows;
  private int chunkPanels;

  Gemm(Team team) {
    this.team = team;
    this.pack = new GemmPack(team.threads());
    this.scratch = new float[team.threads()][MicroKernel.MR * NR];
  }

  /**
   * Computes c (M, N) over {@code k} values of k. With k = 0 the product is zero: c is cleared, or
   * left alone when accumulating.
   *
   * @param b of any float dtype, or PACKED unless the layout is TN
   */
  void multiply(Layout layout, int k, Tensor a, Tensor b, float alpha, Tensor c, boolean add) {
    int m = c.rows();
    int n = c.cols();
    if (m == 0 || n == 0) {
      return;
    }
    team.take();
    try {
      this.layout = layout;
      this.alpha = alpha;
      aKind = Pieces.kind(a);
      aAddress = Pieces.address(a, 0, 0);
      aStride = a.rowStride();
      operandB(b);
      this.c = Pieces.address(c, 0, 0);
      cStride = c.rowStride();
      if (k == 0) {
        if (!add) {
          clear(m, n);
        }
        return;
      }
      for (row0 = 0; row0 < m; row0 += SLAB_ROWS) {
        rows = (int) Math.min(SLAB_ROWS, m - row0);
        for (k0 = 0; k0 < k; k0 += BLOCKS * KC) {
          depth = (int) Math.min(BLOCKS * KC, k - k0);
          accumulate = add || k0 > 0;
          for (column0 = 0; column0 < n; column0 += SLAB_COLUMNS) {
            columns = (int) Math.min(SLAB_COLUMNS, n - column0);
            slab();
          }
        }
      }
    } finally {
      packing = null;
      team.release();
    }
  }

  private void operandB(Tensor b) {
    if (b.dtype() == DType.PACKED) {
      packing = b.packing();
    } else {
      bKind = Pieces.kind(b);
      bAddress = Pieces.address(b, 0, 0);
      bStride = b.rowStride();
    }
  }

  private void slab() {
    int blocks = ceilDiv(depth, KC);
    int panels = ceilDiv(columns, NR);
    blockA = roundUp(rows, 16) * LD; // a transposed block writes whole vectors of rows
    blockB = panels * NR * KC;
    packedA = atLeast(packedA, blocks * blockA);
    packedB = atLeast(packedB, blocks * blockB);
    // A's panels are the same for every slab of columns.
    aPerBlock = column0 == 0 ? ceilDiv(rows, GemmPack.ROWS) : 0;
    boolean byColumns = packing != null && layout == Layout.NN;
    bPerBlock = byColumns ? ceilDiv(columns, GemmPack.COLUMNS) : panels;
    team.run(packJob, blocks * (aPerBlock + bPerBlock));

    rowChunks = ceilDiv(rows, CHUNK_ROWS);
    chunkRows = roundUp(ceilDiv(rows, rowChunks), MicroKernel.MR);
    rowChunks = ceilDiv(rows, chunkRows);
    int columnChunks = Math.min(panels, Math.max(1, ceilDiv(8 * team.threads(), rowChunks)));
    chunkPanels = Math.min(CHUNK_COLUMNS / NR, ceilDiv(panels, columnChunks));
    team.run(tiles, rowChunks * ceilDiv(panels, chunkPanels));
  }

  private void packChunk(int chunk, int worker) {
    int block = chunk / (aPerBlock + bPerBlock);
    int within = chunk % (aPerBlock + bPerBlock);
    int length = Math.min(KC, depth - block * KC);
    if (within < aPerBlock) {
      packA(block, within * GemmPack.ROWS, length, worker);
    } else {
      if (packing == null) {
        packB(block, within - aPerBlock, length, worker);
      } else {
        decodeB(block, within - aPerBlock, length, worker);
      }
    }
  }

  private void packA(int block, int row, int length, int worker) {
    int count = Math.min(GemmPack.ROWS, rows - row);
    long k = k0 + (long) block * KC;
    int to = block * blockA + row * LD;
    if (layout == Layout.TN) {
      long from = aAddress + (k * aStride + row0 + row) * Load.bytes(aKind);
      pack.aByColumns(worker, aKind, from, aStride, count, length, packedA, to);
    } else {
      long from = aAddress + ((row0 + row) * aStride + k) * Load.bytes(aKind);
      GemmPack.aByRows(aKind, from, aStride, count, length, packedA, to);
    }
  }

  private void packB(int block, int panel, int length, int worker) {
    int count = Math.min(NR, columns - panel * NR);
    long k = k0 + (long) block * KC;
    long column = column0 + (long) panel * NR;
    int to = block * blockB + panel * NR * KC;
    if (layout == Layout.NT) {
      long from = bAddress + (column * bStride + k) * Load.bytes(bKind);
      pack.bByRows(worker, bKind, from, bStride, count, length, packedB, to);
    } else {
      long from = bAddress + (k * bStride + column) * Load.bytes(bKind);
      GemmPack.bByColumns(bKind, from, bStride, count, length, packedB, to);
    }
  }

  /** A panel of a packed B, or for NN the panels of {@link GemmPack#COLUMNS} columns. */
  private void decodeB(int block, int chunk, int length, int worker) {
    int width = layout == Layout.NT ? NR : GemmPack.COLUMNS;
    int count = Math.min(width, columns - chunk * width);
    int k = Math.toIntExact(k0) + block * KC;
    int column = Math.toIntExact(column0) + chunk * width;
    int to = block * blockB + chunk * width * KC;
    if (layout == Layout.NT) {
      pack.bByRows(worker, packing, column, k, count, length, packedB, to);
    } else {
      pack.bByColumns(worker, packing, k, column, count, length, packedB, to);
    }
  }

  private void tileChunk(int chunk, int worker) {
    int rowStart = chunk % rowChunks * chunkRows;
    int rowEnd = Math.min(rows, rowStart + chunkRows);
    int panelStart = chunk / rowChunks * chunkPanels;
    int panelEnd = Math.min(ceilDiv(columns, NR), panelStart + chunkPanels);
    float[] tile = scratch[worker];
    for (int block = 0; block * KC < depth; block++) {
      for (int panel = panelStart; panel < panelEnd; panel++) {
        column(block, panel, rowStart, rowEnd, tile);
      }
    }
  }

  /** All rows of a chunk with one panel of B. */
  private void column(int block, int panel, int rowStart, int rowEnd, float[] tile) {
    int length = Math.min(KC, depth - block * KC);
    boolean add = accumulate || block > 0;
    int width = Math.min(NR, columns - panel * NR);
    int b = block * blockB + panel * NR * KC;
    long target = c + 4 * (row0 * cStride + column0 + (long) panel * NR);
    for (int row = rowStart; row < rowEnd; ) {
      int step = MicroKernel.rows(roundUp(rowEnd - row, MicroKernel.ROW_STEP));
      int a = block * blockA + row * LD;
      MicroKernel.tile(step, packedA, a, packedB, b, length, tile, 0, NR);
      int height = Math.min(step, rowEnd - row);
      GemmPack.store(tile, height, width, alpha, add, target + 4 * row * cStride, cStride);
      row += step;
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
