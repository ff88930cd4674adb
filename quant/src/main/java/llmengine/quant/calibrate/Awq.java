package llmengine.quant.calibrate;

import java.util.List;
import java.util.stream.IntStream;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * AWQ (Lin et al. 2023): channels with large inputs are scaled up before rounding and scaled down
 * in what computes the inputs, which leaves the layer's function as it is and gives these channels
 * a smaller relative error. The squared error of the outputs on the calibration inputs, tr(D H D^T)
 * for an error D of the weights, decides about scales (section 3.2) and clipping (appendix).
 */
public final class Awq {
  private static final int RATIOS = 20;
  private static final int CLIPS = 10; // bounds from 100 % to 55 % of a group's largest weight
  private static final double CLIP_STEP = 0.05;
  private static final double SMALLEST_SCALE = 1e-4;
  private static final int CHUNK_VALUES = 1 << 22;

  private final InputStatistics inputs;
  private final CodeGrid grid;
  private final int groupSize;

  /**
   * @param inputs of the layers to quantize, all of which read the same
   * @param groupSize columns that share scale and zero point; -1 for all
   */
  public Awq(InputStatistics inputs, CodeGrid grid, int groupSize) {
    this.inputs = inputs;
    this.grid = grid;
    this.groupSize = groupSize;
  }

  /**
   * The best of {@code mean|x|^ratio}, ratio in 0, 1/20 .. 19/20, normed so that smallest and
   * largest are reciprocal: K factors for the columns of all {@code weights}, 1 where nothing is
   * gained.
   *
   * @param weights (N, K) of any float dtype, layers with the same inputs
   */
  public float[] scales(List<Tensor> weights) {
    double[] magnitudes = inputs.meanMagnitudes();
    Tensor hessian = inputs.hessian();
    float[] best = null;
    double lowest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < RATIOS; i++) {
      float[] candidate = candidate(magnitudes, (double) i / RATIOS);
      double loss = 0;
      for (Tensor weight : weights) {
        loss += loss(weight, hessian, candidate);
      }
      if (loss < lowest) {
        lowest = loss;
        best = candidate;
      }
    }
    return best == null ? candidate(magnitudes, 0) : best;
  }

  private static float[] candidate(double[] magnitudes, double ratio) {
    double[] scales = new double[magnitudes.length];
    double min = Double.POSITIVE_INFINITY;
    double max = 0;
    for (int c = 0; c < scales.length; c++) {
      scales[c] = Math.max(SMALLEST_SCALE, Math.pow(magnitudes[c], ratio));
      min = Math.min(min, scales[c]);
      max = Math.max(max, scales[c]);
    }
    float[] normed = new float[scales.length];
    for (int c = 0; c < scales.length; c++) {
      normed[c] = (float) (scales[c] / Math.sqrt(min * max));
    }
    return normed;
  }

  /** Squared error of the outputs of a layer that is scaled and rounded to nearest. */
  private double loss(Tensor weight, Tensor hessian, float[] scales) {
    int k = weight.cols();
    int piece = Math.max(1, Math.min(weight.rows(), CHUNK_VALUES / k));
    double loss = 0;
    try (Scope scratch = new Scope(weight.backend(), "calibration")) {
      Tensor errors = scratch.empty(DType.F32, piece, k);
      Tensor product = scratch.empty(DType.F32, piece, k);
      for (int from = 0; from < weight.rows(); from += piece) {
        int n = Math.min(piece, weight.rows() - from);
        int first = from;
        IntStream.range(0, n)
            .parallel()
            .forEach(
                r -> {
                  float[] row = weight.rows(first + r, first + r + 1).toFloats();
                  errors.rows(r, r + 1).set(roundingErrors(row, scales));
                });
        Tensor d = errors.rows(0, n);
        Tensor dh = product.rows(0, n);
        weight.backend().matmulNT(d, hessian, 1, dh, false); // H is symmetric
        weight.backend().multiply(d, dh, dh, false);
        loss += weight.backend().sum(dh);
      }
    }
    return loss;
  }

  private float[] roundingErrors(float[] row, float[] scales) {
    int k = row.length;
    int size = groupSize == -1 ? k : groupSize;
    for (int from = 0; from < k; from += size) {
      int to = Math.min(k, from + size);
      float min = 0;
      float max = 0;
      for (int c = from; c < to; c++) {
        float w = row[c] * scales[c];
        min = Math.min(min, w);
        max = Math.max(max, w);
      }
      float scale = grid.scale(min, max);
      int zero = grid.zero(min, max);
      for (int c = from; c < to; c++) {
        float rounded = scale * (grid.code(row[c] * scales[c], scale, zero) - zero);
        row[c] = rounded / scales[c] - row[c];
      }
    }
    return row;
  }

  /**
   * Codes of a weight that has its scales already.
   *
   * @param scope owns the codes
   * @param scaled (N, K) F32, W diag(scales)
   * @param clip whether to look for the bound of each group's weights that gives the smallest error
   */
  public GroupedCodes quantize(Scope scope, Tensor scaled, float[] scales, boolean clip) {
    int k = scaled.cols();
    ColumnGroups columns = ColumnGroups.sequential(k, groupSize);
    GroupedCodes codes = new GroupedCodes(scope, grid, scaled.rows(), columns);
    int size = columns.groupEnd(0);
    int piece = Math.max(1, Math.min(scaled.rows(), CHUNK_VALUES / (CLIPS * size)));
    for (int from = 0; from < k; from += size) {
      int to = Math.min(k, from + size);
      float[] block = clip ? scaledHessian(from, to, scales) : null;
      for (int row = 0; row < scaled.rows(); row += piece) {
        int end = Math.min(scaled.rows(), row + piece);
        group(codes, scaled, row, end, from, to, block);
      }
    }
    return codes;
  }

  /** H of one group's columns for scaled weights: their inputs are divided by the scales. */
  private float[] scaledHessian(int from, int to, float[] scales) {
    int n = to - from;
    float[] block = inputs.hessian(from, to);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        block[i * n + j] /= scales[from + i] * scales[from + j];
      }
    }
    return block;
  }

  /** Rounds columns [from, to) of rows [first, last), one group each, clipped if H is given. */
  private void group(
      GroupedCodes codes, Tensor weight, int first, int last, int from, int to, float[] hessian) {
    int n = to - from;
    int rows = last - first;
    float[] w = new float[rows * n];
    IntStream.range(0, rows)
        .parallel()
        .forEach(
            r -> {
              float[] row = weight.rows(first + r, first + r + 1).columns(from, to).toFloats();
              System.arraycopy(row, 0, w, r * n, n);
            });
    int[] clips = hessian == null ? new int[rows] : bestClips(weight, w, rows, n, hessian);
    IntStream.range(0, rows)
        .parallel()
        .forEach(
            r -> {
              Fit fit = Fit.of(grid, w, r * n, n, bound(w, r * n, n, clips[r]));
              codes.group(first + r, codes.groupOf(from), fit.scale, fit.zero);
              for (int c = 0; c < n; c++) {
                codes.put(first + r, from + c, fit.code(grid, w[r * n + c]));
              }
            });
  }

  private int[] bestClips(Tensor on, float[] w, int rows, int n, float[] hessian) {
    float[] errors = new float[rows * CLIPS * n];
    IntStream.range(0, rows)
        .parallel()
        .forEach(
            r -> {
              for (int i = 0; i < CLIPS; i++) {
                Fit fit = Fit.of(grid, w, r * n, n, bound(w, r * n, n, i));
                int at = (r * CLIPS + i) * n;
                for (int c = 0; c < n; c++) {
                  float value = w[r * n + c];
                  errors[at + c] = fit.scale * (fit.code(grid, value) - fit.zero) - value;
                }
              }
            });
    float[] products;
    try (Scope scratch = new Scope(on.backend(), "calibration")) {
      Tensor d = scratch.of(errors, rows * CLIPS, n);
      Tensor dh = scratch.empty(DType.F32, rows * CLIPS, n);
      on.backend().matmulNT(d, scratch.of(hessian, n, n), 1, dh, false);
      products = dh.toFloats();
    }
    int[] best = new int[rows];
    for (int r = 0; r < rows; r++) {
      double lowest = Double.POSITIVE_INFINITY;
      for (int i = 0; i < CLIPS; i++) {
        int at = (r * CLIPS + i) * n;
        double loss = 0;
        for (int c = 0; c < n; c++) {
          loss += (double) errors[at + c] * products[at + c];
        }
        if (loss < lowest) {
          lowest = loss;
          best[r] = i;
        }
      }
    }
    return best;
  }

  private static float bound(float[] w, int at, int n, int clip) {
    float most = 0;
    for (int c = 0; c < n; c++) {
      most = Math.max(most, Math.abs(w[at + c]));
    }
    return (float) (most * (1 - CLIP_STEP * clip));
  }

  /** Scale and zero point of one group whose weights are cut at a bound. */
  private record Fit(float scale, int zero, float bound) {
    static Fit of(CodeGrid grid, float[] w, int at, int n, float bound) {
      float min = 0;
      float max = 0;
      for (int c = 0; c < n; c++) {
        min = Math.min(min, w[at + c]);
        max = Math.max(max, w[at + c]);
      }
      float low = Math.max(min, -bound);
      float high = Math.min(max, bound);
      return new Fit(grid.scale(low, high), grid.zero(low, high), bound);
    }

    int code(CodeGrid grid, float w) {
      return grid.code(Math.clamp(w, -bound, bound), scale, zero);
    }
  }
}
