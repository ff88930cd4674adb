package llmengine.quant.calibrate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * A quantized matrix (N, K) before it has a file's layout: W[n, k] = scale[n, g] * (code[n, k] -
 * zero[n, g]) with g the group of column k. Codes lie in rows, as one stream of bits each.
 */
public final class GroupedCodes implements Packing {
  private static final ValueLayout.OfShort PAIR =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;

  private final CodeGrid grid;
  private final int rows;
  private final int cols;
  private final int[] groupOf; // K
  private final int groups;
  private final Optional<int[]> index;
  private final int rowBytes;
  private final Tensor codes; // (N, rowBytes) U8
  private final Tensor scales; // (N, G) F16
  private final Tensor zeros; // (N, G) U8
  private final MemorySegment codeBytes;
  private final MemorySegment scaleBytes;
  private final MemorySegment zeroBytes;

  /**
   * An empty matrix, to be filled with {@link #put} and {@link #group}.
   *
   * @param scope owns the parts
   */
  GroupedCodes(Scope scope, CodeGrid grid, int rows, ColumnGroups columns) {
    this.grid = grid;
    this.rows = rows;
    this.cols = columns.size();
    this.groupOf = columns.groupOf();
    this.groups = columns.groups();
    this.index = columns.isSequential() ? Optional.empty() : Optional.of(groupOf);
    this.rowBytes = (cols * grid.bits() + 7) / 8 + 1; // a code is read from two bytes
    this.codes = scope.zeros(DType.U8, rows, rowBytes);
    this.scales = scope.empty(DType.F16, rows, groups);
    this.zeros = scope.empty(DType.U8, rows, groups);
    this.codeBytes = HostMemory.of(codes);
    this.scaleBytes = HostMemory.of(scales);
    this.zeroBytes = HostMemory.of(zeros);
  }

  /** Writes a code that is still 0. Rows may be filled by several threads. */
  void put(int row, int col, int code) {
    long bit = (long) col * grid.bits();
    long at = (long) row * rowBytes + (bit >> 3);
    int pair = Short.toUnsignedInt(codeBytes.get(PAIR, at)) | code << (bit & 7);
    codeBytes.set(PAIR, at, (short) pair);
  }

  /** Writes scale and zero point of a group. */
  void group(int row, int group, float scale, int zero) {
    long at = (long) row * groups + group;
    scaleBytes.set(HALF, 2 * at, Float.floatToFloat16(scale));
    zeroBytes.set(ValueLayout.JAVA_BYTE, at, (byte) zero);
  }

  public CodeGrid grid() {
    return grid;
  }

  public int groups() {
    return groups;
  }

  /** Group of each column where columns of a group don't lie side by side (act-order). */
  public Optional<int[]> groupIndex() {
    return index;
  }

  /** Group of a column. */
  public int groupOf(int col) {
    return groupOf[col];
  }

  public int code(int row, int col) {
    long bit = (long) col * grid.bits();
    int pair = Short.toUnsignedInt(codeBytes.get(PAIR, (long) row * rowBytes + (bit >> 3)));
    return pair >> (bit & 7) & grid.highest();
  }

  public short scaleBits(int row, int group) {
    return scaleBytes.get(HALF, 2 * ((long) row * groups + group));
  }

  public int zero(int row, int group) {
    return Byte.toUnsignedInt(zeroBytes.get(ValueLayout.JAVA_BYTE, (long) row * groups + group));
  }

  @Override
  public String name() {
    return "grouped codes";
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
    return List.of(codes, scales, zeros);
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    for (int r = 0; r < rows; r++) {
      int known = -1;
      float scale = 0;
      int zero = 0;
      for (int c = 0; c < cols; c++) {
        int g = groupOf[col + c];
        if (g != known) {
          known = g;
          scale = Float.float16ToFloat(scaleBits(row + r, g));
          zero = zero(row + r, g);
        }
        to[at + r * stride + c] = scale * (code(row + r, col + c) - zero);
      }
    }
  }
}
