package llmengine.quant.encode;

import java.util.Arrays;

/**
 * Searches scale d and minimum m <= 0 of values x coded as d code + m, codes 0 ... top: for each of
 * a row of trial scales the weighted least squares fit of d and m to the rounded codes (ggml:
 * make_qkx2_quants).
 *
 * @param top largest code
 * @param first trials multiply the codes' range by (top + first + i step) / top
 * @param trials how many after the first
 * @param absolute whether the error of a fit is measured in absolute differences, not in squares
 */
record ScaleAndMinimum(int top, float first, float step, int trials, boolean absolute) {
  /**
   * Codes n values of {@code x[at ...]}, weighted by {@code work.weights}, as part {@code part}:
   * writes codes, {@code work.scales[part]} and the negated minimum {@code work.mins[part]}.
   */
  void search(int n, float[] x, int at, Work work, int part) {
    float[] weights = work.weights;
    int[] codes = work.codes;
    int to = n * part;
    float min = x[at];
    float max = x[at];
    float w = weights[0];
    float x1 = w * x[at];
    for (int i = 1; i < n; i++) {
      float v = x[at + i];
      min = v < min ? v : min;
      max = v > max ? v : max;
      w += weights[i];
      x1 += weights[i] * v;
    }
    min = min > 0 ? 0 : min;
    if (max == min) {
      Arrays.fill(codes, to, to + n, 0);
      work.scales[part] = 0;
      work.mins[part] = -min;
      return;
    }
    float inverse = top / (max - min);
    float scale = 1 / inverse;
    for (int i = 0; i < n; i++) {
      codes[to + i] = Bits.clamp(Bits.nearest(inverse * (x[at + i] - min)), 0, top);
    }
    float best = error(n, x, at, weights, codes, to, scale, min);
    int[] trial = work.trial;
    for (int t = 0; t <= trials; t++) {
      // from the best minimum so far, not the smallest value: ggml does so too
      inverse = (first + step * t + top) / (max - min);
      float l1 = 0;
      float l2 = 0;
      float xl = 0;
      for (int i = 0; i < n; i++) {
        int l = Bits.clamp(Bits.nearest(inverse * (x[at + i] - min)), 0, top);
        trial[i] = l;
        float wl = weights[i] * l;
        l1 += wl;
        l2 += wl * l;
        xl += wl * x[at + i];
      }
      float determinant = w * l2 - l1 * l1;
      if (determinant > 0) {
        float d = (w * xl - x1 * l1) / determinant;
        float m = (l2 * x1 - l1 * xl) / determinant;
        if (m > 0) {
          m = 0;
          d = xl / l2;
        }
        float error = error(n, x, at, weights, trial, 0, d, m);
        if (error < best) {
          System.arraycopy(trial, 0, codes, to, n);
          best = error;
          scale = d;
          min = m;
        }
      }
    }
    work.scales[part] = scale;
    work.mins[part] = -min;
  }

  private float error(
      int n, float[] x, int at, float[] weights, int[] codes, int from, float d, float m) {
    float sum = 0;
    if (absolute) {
      for (int i = 0; i < n; i++) {
        sum += weights[i] * Math.abs(d * codes[from + i] + m - x[at + i]);
      }
    } else {
      for (int i = 0; i < n; i++) {
        float difference = d * codes[from + i] + m - x[at + i];
        sum += weights[i] * (difference * difference);
      }
    }
    return sum;
  }
}
