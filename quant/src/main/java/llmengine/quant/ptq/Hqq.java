package llmengine.quant.ptq;

import static llmengine.quant.ptq.BitFields.FLOATS;
import static llmengine.quant.ptq.BitFields.INTS;
import static llmengine.quant.ptq.BitFields.LANES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * A matrix quantized by HQQ (Badri and Shaji 2023): codes as {@link HqqLayout} places them, and for
 * each group a scale and a zero point that is no whole number. Value = (code - zero) * scale.
 */
final class Hqq implements Packing {
  private static final int PIECE = 1024;

  private final int rows;
  private final int cols;
  private final HqqLayout layout;
  private final Tensor elements;
  private final MemorySegment memory;
  private final SideValues scales;
  private final SideValues zeros;

  /**
   * @param elements U8, or I32 for 3 bits: (step, layout's columns)
   * @param scales one for each group
   * @param zeros likewise
   */
  Hqq(int rows, int cols, HqqLayout layout, Tensor elements, SideValues scales, SideValues zeros) {
    this.rows = rows;
    this.cols = cols;
    this.layout = layout;
    this.elements = elements;
    this.memory = HostMemory.of(elements);
    this.scales = scales;
    this.zeros = zeros;
  }

  @Override
  public String name() {
    return "hqq";
  }

  HqqLayout layout() {
    return layout;
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
    return List.of(elements, scales.tensor(), zeros.tensor());
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    Scratch scratch = Scratch.get();
    for (int r = 0; r < rows; r++) {
      long value = (long) (row + r) * this.cols + col;
      int target = at + r * stride;
      for (int left = cols; left > 0; ) {
        int codeRow = (int) (value / layout.cols());
        int codeCol = (int) (value % layout.cols());
        int n = Math.min(Math.min(left, PIECE), layout.cols() - codeCol);
        run(scratch, codeRow, codeCol, n, to, target);
        value += n;
        target += n;
        left -= n;
      }
    }
  }

  /** Neighbours in a row of codes: their elements are neighbours too. */
  private void run(Scratch scratch, int codeRow, int codeCol, int n, float[] to, int at) {
    long element = (long) (codeRow % layout.step()) * layout.cols() + codeCol;
    int shift = layout.shiftOf(codeRow);
    if (layout.axis() == 0) {
      float[] scale = scratch.first(PIECE);
      float[] zero = scratch.second(PIECE);
      scales.read(codeCol, n, scale, 0);
      zeros.read(codeCol, n, zero, 0);
      int i = 0;
      for (; wide() && i + LANES <= n; i += LANES) {
        codes(element + i, shift)
            .sub(FloatVector.fromArray(FLOATS, zero, i))
            .mul(FloatVector.fromArray(FLOATS, scale, i))
            .intoArray(to, at + i);
      }
      for (; i < n; i++) {
        to[at + i] = (code(element + i, shift) - zero[i]) * scale[i];
      }
      return;
    }
    float scale = scales.at(codeRow);
    float zero = zeros.at(codeRow);
    int i = 0;
    for (; wide() && i + LANES <= n; i += LANES) {
      codes(element + i, shift).sub(zero).mul(scale).intoArray(to, at + i);
    }
    for (; i < n; i++) {
      to[at + i] = (code(element + i, shift) - zero) * scale;
    }
  }

  private boolean wide() {
    return layout.bits() == 3 || SmallInts.BYTES != null;
  }

  private FloatVector codes(long element, int shift) {
    IntVector words =
        layout.bits() == 3
            ? IntVector.fromMemorySegment(INTS, memory, 4 * element, ByteOrder.LITTLE_ENDIAN)
            : SmallInts.unsigned(memory, element);
    return (FloatVector)
        words
            .lanewise(VectorOperators.LSHR, shift)
            .and(layout.parts() == 1 ? 0xff : layout.mask())
            .convert(VectorOperators.I2F, 0);
  }

  private int code(long element, int shift) {
    int word =
        layout.bits() == 3
            ? memory.get(HostMemory.INT, 4 * element)
            : memory.get(HostMemory.BYTE, element) & 0xff;
    return word >>> shift & (layout.parts() == 1 ? 0xff : layout.mask());
  }
}
