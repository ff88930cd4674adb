package llmengine.quant.calibrate;

import java.util.stream.IntStream;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * GPTQ (Frantar et al. 2022, algorithm 1): columns are rounded one after the other, and those not
 * yet rounded take up the error, so that the layer's outputs on the calibration inputs stay close.
 * What depends on the inputs alone is prepared once and shared by all layers that read them.
 */
public final class Gptq {
  private static final int LAZY = 128;
  private static final int ROWS = 64; // of a chunk that one thread rounds
  private static final double MORE_DAMPING = 2.5;

  private final ColumnGroups columns;
  private final CodeGrid grid;
  private final Tensor inverse; // (K, K) lower; null: no errors are passed on
  private final double damping;
  private final boolean[] dead;

  private Gptq(
      ColumnGroups columns, CodeGrid grid, Tensor inverse, double damping, boolean[] dead) {
    this.columns = columns;
    this.grid = grid;
    this.inverse = inverse;
    this.damping = damping;
    this.dead = dead;
  }

  /**
   * Order of the columns.
   *
   * @param groupSize columns that share scale and zero point; -1 for all
   * @param descendingActivations desc_act: largest inputs first, across groups
   * @param damping share of the mean diagonal of H that is added to it; grows if H stays singular
   */
  public record Settings(int groupSize, boolean descendingActivations, double damping) {}

  /** A matrix with its codes and the squared error of its outputs that they cause. */
  public record Quantized(GroupedCodes codes, double error) {}

  /** Round to nearest: no errors are passed on. */
  public static Gptq roundToNearest(ColumnGroups columns, CodeGrid grid) {
    return new Gptq(columns, grid, null, 0, new boolean[columns.size()]);
  }

  /**
   * Prepares for layers with these inputs.
   *
   * @param scope owns the factor (K, K), needed while layers are quantized
   * @throws FormatException if the inputs are not finite
   */
  public static Gptq of(Scope scope, InputStatistics inputs, CodeGrid grid, Settings settings) {
    float[] diagonal = inputs.diagonal();
    double mean = 0;
    for (float d : diagonal) {
      mean += d;
    }
    mean /= diagonal.length;
    if (!Double.isFinite(mean)) {
      throw new FormatException(
          "GPTQ: expected finite inputs, got NaN or infinity. Check the model on the calibration"
              + " data.");
    }
    ColumnGroups columns =
        settings.descendingActivations()
            ? ColumnGroups.descending(diagonal, settings.groupSize())
            : ColumnGroups.groupAware(diagonal, settings.groupSize());
    boolean[] dead = new boolean[diagonal.length];
    for (int i = 0; i < dead.length; i++) {
      dead[i] = diagonal[i] == 0;
    }
    double damping = settings.damping();
    Tensor factor = scope.empty(DType.F32, diagonal.length, diagonal.length);
    Tensor hessian = inputs.hessian();
    while (true) {
      fill(factor, hessian, columns, dead, damping * (mean == 0 ? 1 : mean));
      if (Cholesky.factor(factor)) {
        Cholesky.invertLower(factor);
        return new Gptq(columns, grid, factor, damping, dead);
      }
      damping = Math.max(damping, 1e-4) * MORE_DAMPING;
    }
  }

  /**
   * H in reverse order of quantization with damping. The factor wanted is the upper U with H^-1 =
   * U^T U. Reversed, H = L L^T; back in order L^-1 is U: one factorization and no inverse of H.
   */
  private static void fill(
      Tensor to, Tensor hessian, ColumnGroups columns, boolean[] dead, double added) {
    int k = columns.size();
    IntStream.range(0, k)
        .parallel()
        .forEach(
            a -> {
              int row = columns.column(k - 1 - a);
              float[] from = hessian.rows(row, row + 1).toFloats();
              float[] reversed = new float[k];
              for (int b = 0; b < k; b++) {
                reversed[b] = from[columns.column(k - 1 - b)];
              }
              reversed[a] = dead[row] ? (float) (1 + added) : (float) (reversed[a] + added);
              to.rows(a, a + 1).set(reversed);
            });
  }

  /** The damping that H needed: at least the one asked for. */
  public double damping() {
    return damping;
  }

  /**
   * Quantizes a layer's weight.
   *
   * @param scope owns the codes
   * @param weight (N, K) of any float dtype
   * @throws FormatException if a weight is not finite
   */
  public Quantized quantize(Scope scope, Tensor weight) {
    int k = columns.size();
    GroupedCodes codes = new GroupedCodes(scope, grid, weight.rows(), columns);
    double error = 0;
    try (Scope scratch = new Scope(scope.backend(), "calibration")) {
      Tensor w = scratch.empty(DType.F32, weight.rows(), k);
      reverse(weight, w);
      float[] groupScales = new float[weight.rows()];
      int[] groupZeros = new int[weight.rows()];
      for (int from = 0; from < k; ) {
        int to = blockEnd(from);
        error += block(w, from, to, codes, groupScales, groupZeros);
        from = to;
      }
    }
    return new Quantized(codes, error);
  }

  /** End of the block of columns that are rounded before the rest takes up their errors. */
  private int blockEnd(int from) {
    int end = Math.min(columns.groupEnd(from), from + LAZY);
    while (end < columns.size() && columns.groupEnd(end) - from <= LAZY) {
      end = columns.groupEnd(end); // whole groups only: a new one starts with all errors taken up
    }
    return end;
  }

  /** w[n, a] = weight[n, column quantized at place K - 1 - a]; columns without input become 0. */
  private void reverse(Tensor weight, Tensor w) {
    int k = columns.size();
    IntStream.range(0, weight.rows())
        .parallel()
        .forEach(
            n -> {
              float[] from = weight.rows(n, n + 1).toFloats();
              float[] to = new float[k];
              for (int a = 0; a < k; a++) {
                int column = columns.column(k - 1 - a);
                to[a] = dead[column] ? 0 : from[column];
              }
              w.rows(n, n + 1).set(to);
            });
  }

  private double block(
      Tensor w, int from, int to, GroupedCodes codes, float[] groupScales, int[] groupZeros) {
    int k = columns.size();
    int n = to - from;
    int low = k - to; // where the block lies in reversed order
    float[] u = upper(low, n);
    try (Scope scratch = new Scope(w.backend(), "calibration")) {
      Tensor errors = scratch.empty(DType.F32, w.rows(), n);
      int chunks = (w.rows() + ROWS - 1) / ROWS;
      double[] sums = new double[chunks];
      IntStream.range(0, chunks)
          .parallel()
          .forEach(
              chunk -> {
                int first = chunk * ROWS;
                int last = Math.min(w.rows(), first + ROWS);
                float[] values = w.rows(first, last).columns(low, low + n).toFloats();
                for (int r = first; r < last; r++) {
                  float[] row = new float[n];
                  for (int i = 0; i < n; i++) {
                    row[i] = values[(r - first) * n + n - 1 - i];
                  }
                  Rounding rounding = new Rounding(w, codes, r, from, groupScales, groupZeros);
                  sums[chunk] += rounding.run(row, u);
                  for (int i = 0; i < n; i++) {
                    values[(r - first) * n + n - 1 - i] = row[i];
                  }
                }
                errors.rows(first, last).set(values);
              });
      if (inverse != null && low > 0) {
        Tensor factor = inverse.rows(low, low + n).columns(0, low);
        w.backend().matmulNN(errors, factor, -1, w.columns(0, low), true);
      }
      double sum = 0;
      for (double s : sums) {
        sum += s;
      }
      return sum;
    }
  }

  /** The block of U that lies on its diagonal, in order of quantization. */
  private float[] upper(int low, int n) {
    float[] u = new float[n * n];
    float[] lower =
        inverse == null ? null : inverse.rows(low, low + n).columns(low, low + n).toFloats();
    for (int i = 0; i < n; i++) {
      for (int j = i; j < n; j++) {
        u[i * n + j] = lower == null ? (i == j ? 1 : 0) : lower[(n - 1 - i) * n + n - 1 - j];
      }
    }
    return u;
  }

  /** Rounds one row's part of a block. */
  private final class Rounding {
    private final Tensor w;
    private final GroupedCodes codes;
    private final int row;
    private final int from;
    private final float[] groupScales; // of the group that a block continues, by row
    private final int[] groupZeros;

    Rounding(
        Tensor w, GroupedCodes codes, int row, int from, float[] groupScales, int[] groupZeros) {
      this.w = w;
      this.codes = codes;
      this.row = row;
      this.from = from;
      this.groupScales = groupScales;
      this.groupZeros = groupZeros;
    }

    /** Overwrites the values with errors / u[i, i]; returns the sum of their squares. */
    double run(float[] values, float[] u) {
      int n = values.length;
      double sum = 0;
      for (int i = 0; i < n; i++) {
        int group = columns.groupAt(from + i);
        if (from + i == 0 || columns.groupAt(from + i - 1) != group) {
          startGroup(values, i, group);
        }
        float scale = groupScales[row];
        int zero = groupZeros[row];
        int code = grid.code(values[i], scale, zero);
        codes.put(row, columns.column(from + i), code);
        float error = (values[i] - scale * (code - zero)) / u[i * n + i];
        if (inverse != null) {
          for (int j = i + 1; j < n; j++) {
            values[j] -= error * u[i * n + j];
          }
        }
        values[i] = error;
        sum += (double) error * error;
      }
      return sum;
    }

    private void startGroup(float[] values, int i, int group) {
      int end = columns.groupEnd(from + i) - from;
      float min = 0;
      float max = 0;
      for (int j = i; j < Math.min(end, values.length); j++) {
        min = Math.min(min, values[j]);
        max = Math.max(max, values[j]);
      }
      if (end > values.length) { // a group wider than a block: the rest is still in w
        int k = columns.size();
        float[] rest =
            w.rows(row, row + 1).columns(k - from - end, k - from - values.length).toFloats();
        for (float v : rest) {
          min = Math.min(min, v);
          max = Math.max(max, v);
        }
      }
      groupScales[row] = grid.scale(min, max);
      groupZeros[row] = grid.zero(min, max);
      codes.group(row, group, groupScales[row], groupZeros[row]);
    }
  }
}
