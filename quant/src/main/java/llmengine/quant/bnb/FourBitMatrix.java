package llmengine.quant.bnb;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import llmengine.engine.Packing;
import llmengine.engine.ShapeException;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * A matrix in 4-bit codes of bitsandbytes: values in row-major order, two to a byte with the first
 * in the high half, cut into blocks that each have a scale. Blocks run on from row to row, and the
 * last may be shorter. Value = table[code] * scale.
 */
final class FourBitMatrix implements Packing {
  private static final VectorSpecies<Integer> LANES = IntVector.SPECIES_PREFERRED;
  // With other widths, and where a table of 16 takes more than two registers, scalar code is as
  // good.
  private static final int RUN = LANES.length() == 16 || LANES.length() == 8 ? LANES.length() : 0;
  private static final IntVector SHIFTS =
      IntVector.fromArray(
          LANES, new int[] {4, 0, 12, 8, 20, 16, 28, 24, 4, 0, 12, 8, 20, 16, 28, 24}, 0);
  private static final VectorMask<Integer> UPPER = VectorMask.fromLong(LANES, 0xFF00);

  private final String name;
  private final int rows;
  private final int cols;
  private final int blockShift;
  private final Tensor codes;
  private final MemorySegment memory;
  private final BlockScales scales;
  private final float[] values;
  private final IntVector low;
  private final IntVector high;

  /**
   * @param blockSize values to a scale, a power of two
   * @param codes U8, (N K + 1) / 2 of them
   * @param values the 16 values of the codes
   */
  FourBitMatrix(
      String name,
      int rows,
      int cols,
      int blockSize,
      Tensor codes,
      BlockScales scales,
      float[] values) {
    long count = (long) rows * cols;
    if (codes.size() != (count + 1) / 2 || Integer.bitCount(blockSize) != 1 || blockSize < 2) {
      throw new ShapeException(
          name
              + ": codes don't fit a matrix ("
              + rows
              + ", "
              + cols
              + "): expected "
              + (count + 1) / 2
              + " bytes and blocks of a power of two, got "
              + codes
              + " and blocks of "
              + blockSize
              + ".");
    }
    this.name = name;
    this.rows = rows;
    this.cols = cols;
    this.blockShift = Integer.numberOfTrailingZeros(blockSize);
    this.codes = codes;
    this.memory = HostMemory.of(codes);
    this.scales = scales;
    this.values = values;
    int[] bits = new int[32];
    for (int i = 0; i < 32; i++) {
      bits[i] = Float.floatToRawIntBits(values[i % 16]);
    }
    this.low = IntVector.fromArray(LANES, bits, 0);
    this.high = IntVector.fromArray(LANES, bits, 8);
  }

  @Override
  public String name() {
    return name;
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
    List<Tensor> parts = new ArrayList<>();
    parts.add(codes);
    parts.addAll(scales.parts());
    return parts;
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    for (int r = 0; r < rows; r++) {
      long i = (long) (row + r) * this.cols + col;
      int target = at + r * stride;
      int left = cols;
      while (left > 0) {
        long block = i >> blockShift;
        int n = (int) Math.min(left, (block + 1 << blockShift) - i);
        run(i, n, scales.of(block), to, target);
        i += n;
        target += n;
        left -= n;
      }
    }
  }

  /** Values of one block. */
  private void run(long i, int n, float scale, float[] to, int target) {
    int done = 0;
    if ((i & 1) != 0) {
      to[target] = values[memory.get(ValueLayout.JAVA_BYTE, i >> 1) & 15] * scale;
      done = 1;
    }
    long at = i + done >> 1;
    if (RUN == 16) {
      for (; done + 16 <= n; done += 16, at += 8) {
        IntVector words =
            IntVector.broadcast(LANES, memory.get(HostMemory.INT, at))
                .blend(memory.get(HostMemory.INT, at + 4), UPPER);
        IntVector codes = words.lanewise(VectorOperators.LSHR, SHIFTS).and(15);
        store(codes.selectFrom(low), scale, to, target + done);
      }
    } else if (RUN == 8) {
      for (; done + 8 <= n; done += 8, at += 4) {
        IntVector codes =
            IntVector.broadcast(LANES, memory.get(HostMemory.INT, at))
                .lanewise(VectorOperators.LSHR, SHIFTS)
                .and(15);
        VectorMask<Integer> upper = codes.compare(VectorOperators.GT, 7);
        IntVector lane = codes.and(7);
        store(lane.selectFrom(low).blend(lane.selectFrom(high), upper), scale, to, target + done);
      }
    }
    for (; done + 2 <= n; done += 2, at++) {
      int two = memory.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
      to[target + done] = values[two >> 4] * scale;
      to[target + done + 1] = values[two & 15] * scale;
    }
    if (done < n) {
      to[target + done] = values[memory.get(ValueLayout.JAVA_BYTE, at) >> 4 & 15] * scale;
    }
  }

  private static void store(IntVector bits, float scale, float[] to, int at) {
    ((FloatVector) bits.reinterpretAsFloats()).mul(scale).intoArray(to, at);
  }
}
