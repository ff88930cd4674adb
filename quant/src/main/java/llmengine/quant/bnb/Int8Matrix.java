package llmengine.quant.bnb;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import llmengine.engine.DType;
import llmengine.engine.InferencePacking;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/**
 * LLM.int8() (Dettmers et al. 2022): a matrix of signed bytes with a scale for each row, the row's
 * largest magnitude; value = code * scale / 127. At inference activations are coded likewise, row
 * by row, and multiplied as integers, but for columns in which an activation is an outlier: those
 * stay in float. Training multiplies with decoded values, as bitsandbytes does on a CPU.
 */
final class Int8Matrix implements InferencePacking {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = FLOATS.length();
  // four bytes are no vector
  private static final VectorSpecies<Byte> BYTES =
      LANES < 8 ? null : VectorSpecies.of(byte.class, VectorShape.forBitSize(8 * LANES));

  private final Tensor codes;
  private final Tensor scales;
  private final MemorySegment memory;
  private final float[] rowScales;
  private final float threshold;
  private final Tensor plainCodes;

  /**
   * @param codes I8 (N, K)
   * @param scales F32 (N), the largest magnitude of each row
   * @param threshold magnitude from which an activation is an outlier; 0 for none
   */
  Int8Matrix(Scope scope, Tensor codes, Tensor scales, float threshold) {
    this.codes = codes;
    this.scales = scales;
    this.memory = HostMemory.of(codes);
    this.rowScales = scales.toFloats();
    this.threshold = threshold;
    this.plainCodes = scope.pack(new Codes(this));
  }

  @Override
  public String name() {
    return "int8";
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
    return List.of(codes, scales);
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    for (int r = 0; r < rows; r++) {
      scaled(row + r, col, cols, rowScales[row + r] * (1 / 127f), to, at + r * stride);
    }
  }

  private void scaled(int row, int col, int count, float scale, float[] to, int at) {
    long from = (long) row * codes.cols() + col;
    int i = 0;
    if (BYTES != null) {
      for (; i + LANES <= count; i += LANES) {
        ByteVector bytes =
            ByteVector.fromMemorySegment(BYTES, memory, from + i, ByteOrder.LITTLE_ENDIAN);
        FloatVector values = (FloatVector) bytes.convertShape(VectorOperators.B2F, FLOATS, 0);
        values.mul(scale).intoArray(to, at + i);
      }
    }
    for (; i < count; i++) {
      to[at + i] = memory.get(ValueLayout.JAVA_BYTE, from + i) * scale;
    }
  }

  @Override
  public void product(Tensor x, Tensor y, boolean rows) {
    int k = x.cols();
    float[] row = new float[k];
    float[] scaleOf = new float[x.rows()];
    try (Scope scratch = new Scope(x.backend(), "int8 activations")) {
      Tensor coded = scratch.empty(DType.F32, x.rows(), k);
      boolean[] outlier = rows ? null : outlierColumns(x, row);
      for (int m = 0; m < x.rows(); m++) {
        x.backend().read(x.rows(m, m + 1), row, 0);
        scaleOf[m] = encode(row, threshold, outlier);
        x.backend().write(row, 0, coded.rows(m, m + 1));
      }
      if (rows) {
        x.backend().matmulRows(coded, plainCodes, 1, y, false);
      } else {
        x.backend().matmulNT(coded, plainCodes, 1, y, false);
      }
    }
    float[] out = new float[y.cols()];
    for (int m = 0; m < y.rows(); m++) {
      Tensor of = y.rows(m, m + 1);
      y.backend().read(of, out, 0);
      for (int n = 0; n < out.length; n++) {
        out[n] *= scaleOf[m] * rowScales[n] / (127 * 127f);
      }
      y.backend().write(out, 0, of);
    }
    if (threshold > 0) {
      addOutliers(x, y, rows);
    }
  }

  /** Columns in which some row of x has an outlier. */
  private boolean[] outlierColumns(Tensor x, float[] row) {
    boolean[] outlier = new boolean[x.cols()];
    if (threshold > 0) {
      for (int m = 0; m < x.rows(); m++) {
        x.backend().read(x.rows(m, m + 1), row, 0);
        for (int c = 0; c < row.length; c++) {
          outlier[c] |= Math.abs(half(row[c])) >= threshold;
        }
      }
    }
    return outlier;
  }

  /**
   * Turns activations into codes, in place, and returns their scale. Outliers don't count for the
   * scale; their code is 0, and so is that of all values in columns marked as {@code outlier}.
   */
  static float encode(float[] row, float threshold, boolean[] outlier) {
    float scale = 0;
    for (int c = 0; c < row.length; c++) {
      float value = half(row[c]);
      if (threshold > 0 && Math.abs(value) >= threshold) {
        value = 0;
      }
      row[c] = value;
      scale = Math.max(scale, Math.abs(value));
    }
    float factor = scale == 0 ? 0 : 1 / scale * 127; // two roundings, as torch divides a number
    for (int c = 0; c < row.length; c++) {
      // a byte has no -0
      row[c] = outlier != null && outlier[c] ? 0 : (float) Math.rint(row[c] * factor) + 0f;
    }
    return scale;
  }

  /** bitsandbytes codes halves; the float that becomes one. */
  static float half(float value) {
    return Float.float16ToFloat(Float.floatToFloat16(value));
  }

  /** y += x W^T over the columns that were left out of the codes, in float32. */
  private void addOutliers(Tensor x, Tensor y, boolean rows) {
    float[] in = new float[x.cols()];
    float[] out = new float[y.cols()];
    float[] column = new float[y.cols()];
    boolean[] all = outlierColumns(x, in);
    for (int c = 0; c < all.length; c++) {
      if (!all[c]) {
        continue;
      }
      decode(0, c, rows(), 1, column, 0, 1);
      for (int m = 0; m < x.rows(); m++) {
        x.backend().read(x.rows(m, m + 1), in, 0);
        float value = in[c];
        if (rows && !(Math.abs(half(value)) >= threshold)) {
          continue; // a row by itself has only its own outliers
        }
        Tensor of = y.rows(m, m + 1);
        y.backend().read(of, out, 0);
        for (int n = 0; n < out.length; n++) {
          out[n] += value * column[n];
        }
        y.backend().write(out, 0, of);
      }
    }
  }

  /**
   * The codes as numbers: products of codes are whole, and exact in float32 up to 2^24, beyond
   * which the rounding is that of float32.
   */
  private record Codes(Int8Matrix of) implements Packing {
    @Override
    public String name() {
      return "int8 codes";
    }

    @Override
    public int rows() {
      return of.rows();
    }

    @Override
    public int cols() {
      return of.cols();
    }

    @Override
    public List<Tensor> parts() {
      return of.parts();
    }

    @Override
    public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
      for (int r = 0; r < rows; r++) {
        of.scaled(row + r, col, cols, 1, to, at + r * stride);
      }
    }
  }
}
