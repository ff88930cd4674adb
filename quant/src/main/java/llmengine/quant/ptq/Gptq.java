package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.TensorSource;
import llmengine.quant.HostMemory;

/**
 * A matrix as GPTQ checkpoints (AutoGPTQ, GPTQModel) store it, of b = 2, 3, 4 or 8 bits. {@code
 * qweight} (K b / 32, N) I32: each column is the stream of an output's codes, lowest bits first.
 * {@code qzeros} (G, N b / 32) I32: the zero points, packed along N; version 1 of the format stores
 * them less 1. {@code scales} (G, N). {@code g_idx} (K): the group of each input; in activation
 * order neighbours may be of different groups. Value = scale * (code - zero).
 */
public final class Gptq implements Packing {
  private static final int PANEL_ROWS = 16;
  private static final int PANEL_COLS = 1024;

  private final int rows;
  private final int cols;
  private final int bits;
  private final BitFields fields;
  private final int groupSize;
  private final int[] groups; // null: input k is of group k / groupSize
  private final int groupCount;
  private final Tensor codes;
  private final MemorySegment words;
  private final Tensor zeros;
  private final MemorySegment zeroWords;
  private final int zeroRow; // words of a row of zeros
  private final int zeroShift; // added to a stored zero
  private final SideValues scales;

  /**
   * @param codes I32 (K bits / 32, N)
   * @param zeros I32 (G, N bits / 32)
   * @param scales (G, N) of any float dtype
   * @param groups (K) in activation order; null otherwise
   * @param v2 whether zero points are stored as they are, not less 1
   */
  Gptq(
      int bits,
      int groupSize,
      Tensor codes,
      Tensor zeros,
      SideValues scales,
      int[] groups,
      int cols,
      boolean v2) {
    this.rows = codes.cols();
    this.cols = cols;
    this.bits = bits;
    this.fields = BitFields.of(bits);
    this.groupSize = groupSize;
    this.groups = groups;
    this.codes = codes;
    this.words = HostMemory.of(codes);
    this.zeros = zeros;
    this.zeroWords = HostMemory.of(zeros);
    this.zeroRow = zeros.cols();
    this.zeroShift = v2 ? 0 : 1;
    this.scales = scales;
    this.groupCount = scales.tensor().rows();
  }

  @Override
  public String name() {
    return "gptq";
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
    return List.of(codes, zeros, scales.tensor());
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    Scratch scratch = Scratch.get();
    for (int c = 0; c < cols; c += PANEL_COLS) {
      int n = Math.min(PANEL_COLS, cols - c);
      for (int r = 0; r < rows; r += PANEL_ROWS) {
        int count = Math.min(PANEL_ROWS, rows - r);
        panel(scratch, row + r, col + c, count, n, to, at + r * stride + c, stride);
      }
    }
  }

  /** A few rows: neighbouring outputs share cache lines, so their words are fetched together. */
  private void panel(
      Scratch scratch, int row, int col, int rows, int cols, float[] to, int at, int stride) {
    int start = col / 32 * 32; // where codes start with a word
    int firstWord = start / 32 * bits;
    int count = Math.ceilDiv((col + cols - start) * bits, 32);
    int pitch = count + BitFields.SLACK;
    int[] staged = scratch.words(PANEL_ROWS * (PANEL_COLS / 4 + 8 + BitFields.SLACK));
    for (int w = 0; w < count; w++) {
      long from = 4 * ((long) (firstWord + w) * this.rows + row);
      for (int r = 0; r < rows; r++) {
        staged[r * pitch + w] = words.get(HostMemory.INT, from + 4L * r);
      }
    }
    for (int r = 0; r < rows; r++) {
      int target = at + r * stride;
      if (groups == null) {
        byGroups(staged, r * pitch, row + r, col, cols, start, to, target);
      } else {
        fields.decode(staged, r * pitch, col - start, cols, 0, 1, to, target);
        scattered(scratch, row + r, col, cols, to, target);
      }
    }
  }

  private void byGroups(
      int[] staged, int at, int row, int col, int cols, int start, float[] to, int target) {
    for (int c = col; c < col + cols; ) {
      int group = c / groupSize;
      int end = (int) Math.min(col + cols, (group + 1L) * groupSize);
      float scale = scales.at((long) group * rows + row);
      fields.decode(staged, at, c - start, end - c, zero(group, row), scale, to, target + c - col);
      c = end;
    }
  }

  /** Codes in activation order: each with the scale and zero point of its own group. */
  private void scattered(Scratch scratch, int row, int col, int cols, float[] to, int at) {
    float[] scaleOf = scratch.first(groupCount);
    float[] zeroOf = scratch.second(groupCount);
    for (int g = 0; g < groupCount; g++) {
      scaleOf[g] = scales.at((long) g * rows + row);
      zeroOf[g] = zero(g, row);
    }
    int i = 0;
    for (; i + BitFields.LANES <= cols; i += BitFields.LANES) {
      FloatVector scale = FloatVector.fromArray(BitFields.FLOATS, scaleOf, 0, groups, col + i);
      FloatVector zero = FloatVector.fromArray(BitFields.FLOATS, zeroOf, 0, groups, col + i);
      FloatVector.fromArray(BitFields.FLOATS, to, at + i)
          .sub(zero)
          .mul(scale)
          .intoArray(to, at + i);
    }
    for (; i < cols; i++) {
      int g = groups[col + i];
      to[at + i] = (to[at + i] - zeroOf[g]) * scaleOf[g];
    }
  }

  private int zero(int group, int row) {
    long bit = (long) row * bits;
    long at = 4 * ((long) group * zeroRow + (bit >>> 5));
    int shift = (int) (bit & 31);
    int code = zeroWords.get(HostMemory.INT, at) >>> shift;
    if (shift + bits > 32) {
      code |= zeroWords.get(HostMemory.INT, at + 4) << 32 - shift;
    }
    return code + zeroShift & fields.mask();
  }

  /**
   * A layer as the tensors {@code module.qweight}, {@code .qzeros}, {@code .scales} (F16) and
   * {@code .g_idx}.
   *
   * @param bits 2, 3, 4 or 8
   * @param v2 whether zero points are stored as they are ({@code gptq_v2}), not less 1
   * @throws FormatException if N or K is no multiple of 32, as the format asks
   */
  public static List<TensorSource> tensors(
      String module, QuantizedLayer layer, int bits, boolean v2) {
    int n = layer.rows();
    int k = layer.cols();
    if (!BitFields.supports(bits) || n % 32 != 0 || k % 32 != 0) {
      throw new FormatException(
          module
              + ": can't be stored as GPTQ: expected 2, 3, 4 or 8 bits and sizes that are multiples"
              + " of 32, got "
              + bits
              + " bits and ("
              + n
              + ", "
              + k
              + ").");
    }
    int[] groups = layer.groups();
    if (groups == null) {
      groups = new int[k];
      Arrays.setAll(groups, layer::group);
    }
    List<TensorSource> tensors = new ArrayList<>();
    int g = layer.groupCount();
    tensors.add(ints(module + ".qweight", codeWords(layer, bits), k / 32 * bits, n));
    tensors.add(ints(module + ".qzeros", zeroWords(layer, bits, v2), g, n / 32 * bits));
    tensors.add(StoredParts.halves(module + ".scales", layer.scales(), g, n));
    tensors.add(ints(module + ".g_idx", groups, k));
    return tensors;
  }

  private static TensorSource ints(String name, int[] values, long... shape) {
    return TensorSource.of(name, SafetensorsType.I32, shape, MemorySegment.ofArray(values));
  }

  private static int[] codeWords(QuantizedLayer layer, int bits) {
    int n = layer.rows();
    int k = layer.cols();
    int perColumn = k / 32 * bits;
    BitFields fields = BitFields.of(bits);
    int[] packed = new int[Math.multiplyExact(perColumn, n)];
    int[] column = new int[perColumn];
    for (int row = 0; row < n; row++) {
      Arrays.fill(column, 0);
      for (int c = 0; c < k; c++) {
        fields.put(column, 0, c, layer.codes()[row * k + c]);
      }
      for (int w = 0; w < perColumn; w++) {
        packed[w * n + row] = column[w];
      }
    }
    return packed;
  }

  private static int[] zeroWords(QuantizedLayer layer, int bits, boolean v2) {
    int n = layer.rows();
    int perRow = n / 32 * bits;
    int[] packed = new int[layer.groupCount() * perRow];
    for (int g = 0; g < layer.groupCount(); g++) {
      for (int row = 0; row < n; row++) {
        int zero = layer.zeros()[g * n + row];
        BitFields.of(bits).put(packed, g * perRow, row, v2 ? zero : zero - 1);
      }
    }
    return packed;
  }
}
