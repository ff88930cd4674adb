package llmengine.quant.ptq;

import static llmengine.quant.ptq.BitFields.FLOATS;
import static llmengine.quant.ptq.BitFields.LANES;

import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * A matrix of 8-bit floats with one scale for each block of rows and columns, as DeepSeek's
 * checkpoints have it; blocks at the edges may be smaller. Value = float8 * scale.
 */
final class Fp8Matrix implements Packing {
  private static final float SUBNORMAL = 0x1p-9f; // unit of E4M3's smallest values

  private final Tensor codes;
  private final MemorySegment memory;
  private final SmallFloat kind;
  private final float[] values;
  private final SideValues scales;
  private final int blockRows;
  private final int blockCols;
  private final int scaleCols;

  /**
   * @param codes U8 (N, K)
   * @param scales ceil(N / blockRows) by ceil(K / blockCols), row-major
   */
  Fp8Matrix(SmallFloat kind, Tensor codes, SideValues scales, int blockRows, int blockCols) {
    this.kind = kind;
    this.codes = codes;
    this.memory = HostMemory.of(codes);
    this.values = kind.table();
    this.scales = scales;
    this.blockRows = blockRows;
    this.blockCols = blockCols;
    this.scaleCols = Math.ceilDiv(codes.cols(), blockCols);
  }

  @Override
  public String name() {
    return "fp8";
  }

  @Override
  public int rows() {
    return codes.rows();
  }

  @Override
  public int cols() {
    return codes.cols();
  }

  @Override
  public List<Tensor> parts() {
    return List.of(codes, scales.tensor());
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    for (int r = row; r < row + rows; r++) {
      long scaleRow = (long) (r / blockRows) * scaleCols;
      int target = at + (r - row) * stride;
      for (int c = col; c < col + cols; ) {
        int block = c / blockCols;
        int end = (int) Math.min(col + cols, (block + 1L) * blockCols);
        long from = (long) r * codes.cols() + c;
        run(from, end - c, scales.at(scaleRow + block), to, target + c - col);
        c = end;
      }
    }
  }

  private void run(long from, int n, float scale, float[] to, int at) {
    int i = 0;
    if (kind == SmallFloat.E4M3FN && SmallInts.BYTES != null) {
      for (; i + LANES <= n; i += LANES) {
        e4m3(SmallInts.unsigned(memory, from + i)).mul(scale).intoArray(to, at + i);
      }
    }
    for (; i < n; i++) {
      to[at + i] = values[memory.get(HostMemory.BYTE, from + i) & 0xff] * scale;
    }
  }

  /** Exponent and mantissa moved to their places in a float32; the smallest values apart. */
  private static FloatVector e4m3(IntVector code) {
    IntVector magnitude = code.and(0x7f);
    FloatVector normal =
        magnitude.lanewise(VectorOperators.LSHL, 20).add(120 << 23).reinterpretAsFloats();
    FloatVector small =
        magnitude.convert(VectorOperators.I2F, 0).reinterpretAsFloats().mul(SUBNORMAL);
    VectorMask<Integer> isSmall = magnitude.compare(VectorOperators.LT, 8);
    VectorMask<Integer> isNaN = magnitude.compare(VectorOperators.EQ, 0x7f);
    IntVector sign = code.and(0x80).lanewise(VectorOperators.LSHL, 24);
    return normal
        .blend(small, isSmall.cast(FLOATS))
        .blend(Float.NaN, isNaN.cast(FLOATS))
        .reinterpretAsInts()
        .or(sign)
        .reinterpretAsFloats();
  }
}
