package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * AQLM (Egiazarian et al. 2024): blocks of {@code outGroup} outputs by {@code inGroup} inputs, each
 * the sum of one entry of every codebook, times the scale of its outputs. Codes hold the entry's
 * index modulo 2^bits in two's complement.
 */
final class Aqlm implements Packing {
  private final int rows;
  private final int cols;
  private final int bits;
  private final int outGroup;
  private final int inGroup;
  private final int codebooks;
  private final Tensor codes;
  private final MemorySegment codeMemory;
  private final boolean wide; // two bytes to a code
  private final SideValues entries;
  private final SideValues scales;

  /**
   * @param codes U8 (N / outGroup, K / inGroup, codebooks), or twice as many bytes in the last
   *     dimension where codes have 16 bits
   * @param entries (codebooks, 2^bits, outGroup, inGroup)
   * @param scales N / outGroup
   */
  Aqlm(
      int rows,
      int cols,
      int bits,
      int outGroup,
      int inGroup,
      int codebooks,
      Tensor codes,
      SideValues entries,
      SideValues scales) {
    this.rows = rows;
    this.cols = cols;
    this.bits = bits;
    this.outGroup = outGroup;
    this.inGroup = inGroup;
    this.codebooks = codebooks;
    this.codes = codes;
    this.codeMemory = HostMemory.of(codes);
    this.wide = codes.cols() != codebooks;
    this.entries = entries;
    this.scales = scales;
  }

  @Override
  public String name() {
    return "aqlm";
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int cols() {
    return cols;
  }

  @Override
  public List<Tensor> parts() {
    return List.of(codes, entries.tensor(), scales.tensor());
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    for (int r = row; r < row + rows; r++) {
      int target = at + (r - row) * stride;
      float scale = scales.at(r / outGroup);
      for (int c = col; c < col + cols; ) {
        int end = (int) Math.min(col + cols, (c / inGroup + 1L) * inGroup);
        run(r, c, end - c, scale, to, target + c - col);
        c = end;
      }
    }
  }

  /** Some values of one row of one block. */
  private void run(int row, int col, int n, float scale, float[] to, int at) {
    Arrays.fill(to, at, at + n, 0);
    long block = (long) (row / outGroup) * (cols / inGroup) + col / inGroup;
    int within = row % outGroup * inGroup + col % inGroup;
    for (int b = 0; b < codebooks; b++) {
      long i = block * codebooks + b;
      int code =
          wide ? codeMemory.get(HostMemory.SHORT, 2 * i) : codeMemory.get(HostMemory.BYTE, i);
      long entry = ((long) b << bits) + (code & (1 << bits) - 1);
      entries.add(entry * (outGroup * inGroup) + within, n, to, at);
    }
    for (int i = 0; i < n; i++) {
      to[at + i] *= scale;
    }
  }
}
