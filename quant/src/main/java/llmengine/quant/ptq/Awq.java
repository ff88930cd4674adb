package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.TensorSource;
import llmengine.quant.HostMemory;

/**
 * A matrix of 4-bit codes as AWQ's GEMM version stores it. {@code qweight} (K, N / 8) and {@code
 * qzeros} (G, N / 8) I32: word c of a row holds outputs 8 c ... 8 c + 7, output 8 c + ORDER[i] in
 * bits 4 i ... 4 i + 3. {@code scales} (G, N). Value = scale * (code - zero).
 */
public final class Awq implements Packing {
  private static final int[] ORDER = {0, 2, 4, 6, 1, 3, 5, 7};
  private static final int[] SHIFT = new int[8]; // of output n % 8
  private static final int PANEL_COLS = 4096;

  static {
    for (int i = 0; i < 8; i++) {
      SHIFT[ORDER[i]] = 4 * i;
    }
  }

  private final int rows;
  private final int cols;
  private final int groupSize;
  private final Tensor codes;
  private final MemorySegment words;
  private final Tensor zeros;
  private final MemorySegment zeroWords;
  private final SideValues scales;

  /**
   * @param codes I32 (K, N / 8)
   * @param zeros I32 (G, N / 8)
   * @param scales (G, N) of any float dtype
   */
  Awq(int groupSize, Tensor codes, Tensor zeros, SideValues scales) {
    this.rows = codes.cols() * 8;
    this.cols = codes.rows();
    this.groupSize = groupSize;
    this.codes = codes;
    this.words = HostMemory.of(codes);
    this.zeros = zeros;
    this.zeroWords = HostMemory.of(zeros);
    this.scales = scales;
  }

  @Override
  public String name() {
    return "awq";
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
    int[] staged = Scratch.get().words(PANEL_COLS);
    for (int r = 0; r < rows; ) {
      int word = (row + r) / 8; // the rows of one word are taken from it together
      int end = Math.min(rows, (word + 1) * 8 - row);
      for (int c = 0; c < cols; c += PANEL_COLS) {
        int n = Math.min(PANEL_COLS, cols - c);
        for (int i = 0; i < n; i++) {
          staged[i] =
              words.get(HostMemory.INT, 4 * ((long) (col + c + i) * (this.rows / 8) + word));
        }
        for (int one = r; one < end; one++) {
          row(staged, row + one, col + c, n, to, at + one * stride + c);
        }
      }
      r = end;
    }
  }

  private void row(int[] staged, int row, int col, int cols, float[] to, int at) {
    int shift = SHIFT[row % 8];
    for (int c = col; c < col + cols; ) {
      int group = c / groupSize;
      int end = (int) Math.min(col + cols, (group + 1L) * groupSize);
      float scale = scales.at((long) group * rows + row);
      int zero =
          zeroWords.get(HostMemory.INT, 4 * ((long) group * (rows / 8) + row / 8)) >>> shift & 15;
      run(staged, c - col, end - c, shift, zero, scale, to, at + c - col);
      c = end;
    }
  }

  private static void run(
      int[] staged, int from, int n, int shift, float zero, float scale, float[] to, int at) {
    int i = 0;
    for (; i + BitFields.LANES <= n; i += BitFields.LANES) {
      IntVector.fromArray(BitFields.INTS, staged, from + i)
          .lanewise(VectorOperators.LSHR, shift)
          .and(15)
          .convert(VectorOperators.I2F, 0)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(scale)
          .intoArray(to, at + i);
    }
    for (; i < n; i++) {
      to[at + i] = ((staged[from + i] >>> shift & 15) - zero) * scale;
    }
  }

  /**
   * A layer of 4-bit codes as the tensors {@code module.qweight}, {@code .qzeros} and {@code
   * .scales} (F16).
   *
   * @throws FormatException if N is no multiple of 8, K none of the group size, or groups are in
   *     activation order
   */
  public static List<TensorSource> tensors(String module, QuantizedLayer layer) {
    int n = layer.rows();
    int k = layer.cols();
    if (n % 8 != 0 || k % layer.groupSize() != 0 || layer.groups() != null) {
      throw new FormatException(
          module
              + ": can't be stored as AWQ: expected outputs in eights and inputs in whole groups of"
              + " "
              + layer.groupSize()
              + ", one after the other, got ("
              + n
              + ", "
              + k
              + ").");
    }
    int g = layer.groupCount();
    int[] codes = new int[Math.multiplyExact(k, n / 8)];
    for (int row = 0; row < n; row++) {
      for (int c = 0; c < k; c++) {
        codes[c * (n / 8) + row / 8] |= (layer.codes()[row * k + c] & 15) << SHIFT[row % 8];
      }
    }
    int[] zeros = new int[g * (n / 8)];
    for (int group = 0; group < g; group++) {
      for (int row = 0; row < n; row++) {
        zeros[group * (n / 8) + row / 8] |= (layer.zeros()[group * n + row] & 15) << SHIFT[row % 8];
      }
    }
    return List.of(
        ints(module + ".qweight", codes, k, n / 8),
        ints(module + ".qzeros", zeros, g, n / 8),
        StoredParts.halves(module + ".scales", layer.scales(), g, n));
  }

  private static TensorSource ints(String name, int[] values, long... shape) {
    return TensorSource.of(name, SafetensorsType.I32, shape, MemorySegment.ofArray(values));
  }
}
