package llmengine.quant.calibrate;

import java.util.stream.IntStream;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.ShapeException;
import llmengine.engine.Tensor;

/**
 * What calibration keeps of the inputs X (M, K) of a linear layer: H = X^T X (the Hessian of the
 * layer's squared output error up to a factor, Frantar et al. 2022, section 3.2) and the mean
 * magnitude of each channel (Lin et al. 2023, section 3.2). Memory O(K^2) however many rows are
 * added.
 */
public final class InputStatistics {
  private static final int SLAB = 512;

  private final Tensor hessian;
  private final double[] magnitudes;
  private long rows;

  /**
   * @param scope owns H
   * @param width K
   */
  public InputStatistics(Scope scope, int width) {
    this.hessian = scope.zeros(DType.F32, width, width);
    this.magnitudes = new double[width];
  }

  /**
   * Takes in more inputs.
   *
   * @param x (M, K) F32
   */
  public void add(Tensor x) {
    int k = width();
    if (x.cols() != k) {
      throw new ShapeException(
          "calibration: inputs of another layer: expected (M, " + k + "), got " + x + ".");
    }
    for (int j = 0; j < k; j += SLAB) { // H is symmetric: only what lies in and below the slab
      int end = Math.min(k, j + SLAB);
      x.backend()
          .matmulTN(
              x.columns(j, k), x.columns(j, end), 1, hessian.rows(j, k).columns(j, end), true);
    }
    int piece = Math.max(1, (1 << 20) / k);
    for (int from = 0; from < x.rows(); from += piece) {
      float[] values = x.rows(from, Math.min(x.rows(), from + piece)).toFloats();
      for (int at = 0; at < values.length; at += k) {
        for (int c = 0; c < k; c++) {
          magnitudes[c] += Math.abs(values[at + c]);
        }
      }
    }
    rows += x.rows();
  }

  /** K. */
  public int width() {
    return hessian.cols();
  }

  /** How many inputs were added. */
  public long rows() {
    return rows;
  }

  /** H (K, K), both triangles; later additions show in it after the next call. */
  public Tensor hessian() {
    int k = width();
    int blocks = (k + SLAB - 1) / SLAB;
    IntStream.range(0, blocks)
        .parallel()
        .forEach(j -> mirror(j * SLAB, Math.min(k, (j + 1) * SLAB)));
    return hessian;
  }

  /** Copies the columns [from, to) below the diagonal to the rows above it. */
  private void mirror(int from, int to) {
    int k = width();
    for (int i = from; i < k; i += SLAB) {
      int end = Math.min(k, i + SLAB);
      float[] below = hessian.rows(i, end).columns(from, to).toFloats();
      float[] above = new float[below.length];
      int width = to - from;
      int height = end - i;
      for (int r = 0; r < height; r++) {
        for (int c = 0; c < width; c++) {
          // in the block on the diagonal the lower triangle counts, so that rounding can't differ
          boolean lower = i > from || r >= c;
          above[c * height + r] = lower ? below[r * width + c] : below[c * width + r];
        }
      }
      hessian.rows(from, to).columns(i, end).set(above);
    }
  }

  /** The square block of H, as {@link #hessian} left it, with these rows and columns. */
  float[] hessian(int from, int to) {
    return hessian.rows(from, to).columns(from, to).toFloats();
  }

  /** The diagonal of H. */
  public float[] diagonal() {
    float[] diagonal = new float[width()];
    for (int i = 0; i < diagonal.length; i++) {
      diagonal[i] = hessian.rows(i, i + 1).columns(i, i + 1).toFloats()[0];
    }
    return diagonal;
  }

  /** Mean of |x| of each channel, K values. */
  public double[] meanMagnitudes() {
    double[] mean = new double[width()];
    for (int i = 0; i < mean.length; i++) {
      mean[i] = rows == 0 ? 0 : magnitudes[i] / rows;
    }
    return mean;
  }
}
