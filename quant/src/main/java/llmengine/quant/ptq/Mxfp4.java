package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * A matrix of 4-bit floats ({@link SmallFloat#E2M1}) in blocks of 32 values along a row, each with
 * an exponent ({@link SmallFloat#E8M0}), as gpt-oss checkpoints store it: the first of two values
 * in a byte's low half. Value = float4 * 2^(exponent - 127).
 */
public final class Mxfp4 implements Packing {
  private static final int BLOCK = 32;
  private static final int PANEL_COLS = 4096;
  private static final float[] VALUES = SmallFloat.E2M1.table();
  private static final float[] SCALES = SmallFloat.E8M0.table();
  // Magnitudes by the low three bits of a code; four lanes don't hold them.
  private static final IntVector MAGNITUDES = BitFields.LANES < 8 ? null : magnitudes();

  private final int firstRow;
  private final int rows;
  private final int cols;
  private final Tensor blocks;
  private final MemorySegment words;
  private final Tensor exponents;
  private final MemorySegment exponentBytes;

  /**
   * Rows {@code firstRow} to {@code firstRow + rows} of what the two tensors hold; the experts of a
   * layer lie one after the other.
   *
   * @param blocks U8 (..., K / 32, 16)
   * @param exponents U8 (..., K / 32)
   */
  Mxfp4(Tensor blocks, Tensor exponents, int firstRow, int rows, int cols) {
    this.firstRow = firstRow;
    this.rows = rows;
    this.cols = cols;
    this.blocks = blocks;
    this.words = HostMemory.of(blocks);
    this.exponents = exponents;
    this.exponentBytes = HostMemory.of(exponents);
  }

  private static IntVector magnitudes() {
    int[] bits = new int[BitFields.LANES];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(VALUES[i & 7]);
    }
    return IntVector.fromArray(BitFields.INTS, bits, 0);
  }

  @Override
  public String name() {
    return "mxfp4";
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
    return List.of(blocks, exponents);
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    int[] staged = Scratch.get().words(PANEL_COLS / 8 + BLOCK / 8 + BitFields.SLACK);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c += PANEL_COLS) {
        int n = Math.min(PANEL_COLS, cols - c);
        piece(staged, (long) (firstRow + row + r), col + c, n, to, at + r * stride + c);
      }
    }
  }

  private void piece(int[] staged, long row, int col, int cols, float[] to, int at) {
    long firstBlock = row * (this.cols / BLOCK) + col / BLOCK;
    int start = col / BLOCK * BLOCK;
    int count = Math.ceilDiv(col + cols - start, BLOCK);
    MemorySegment.copy(words, HostMemory.INT, 16 * firstBlock, staged, 0, 4 * count);
    for (int c = col; c < col + cols; ) {
      int block = (c - start) / BLOCK;
      int end = Math.min(col + cols, start + (block + 1) * BLOCK);
      float scale = SCALES[exponentBytes.get(HostMemory.BYTE, firstBlock + block) & 0xff];
      run(staged, c - start, end - c, scale, to, at + c - col);
      c = end;
    }
  }

  private static void run(int[] staged, int first, int n, float scale, float[] to, int at) {
    BitFields fields = BitFields.of(4);
    int i = 0;
    if (MAGNITUDES != null && first % 8 == 0) {
      for (; i + BitFields.LANES <= n; i += BitFields.LANES) {
        IntVector codes = fields.codes(staged, 0, first + i);
        IntVector sign = codes.and(8).lanewise(VectorOperators.LSHL, 28);
        codes
            .and(7)
            .selectFrom(MAGNITUDES)
            .or(sign)
            .reinterpretAsFloats()
            .mul(scale)
            .intoArray(to, at + i);
      }
    }
    for (; i < n; i++) {
      to[at + i] = VALUES[fields.code(staged, 0, first + i)] * scale;
    }
  }

  /**
   * @throws FormatException if an exponent is NaN
   */
  void checkExponents(String where) {
    for (long i = 0; i < exponentBytes.byteSize(); i++) {
      if (exponentBytes.get(HostMemory.BYTE, i) == -1) {
        throw new FormatException(
            where
                + ": damaged value at "
                + i
                + ": expected exponents from 0 to 254, got 255 (NaN). Download or quantize the"
                + " checkpoint again.");
      }
    }
  }
}
