package llmengine.quant.encode;

import java.util.Arrays;

/** The searches of {@link ScaleAndMinimum} and {@link LeastSquaresScale}, one part at a time. */
record PlainSearch(int top, float first, float step, int trials, boolean absolute) {
  /** What a search gives for a part. */
  record Found(float scale, float negatedMinimum, int[] codes) {}

  Found scaleAndMinimum(int n, float[] x, int at, float[] weights) {
    int[] codes = new int[n];
    int to = 0;
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
      return new Found(0, -min, codes);
    }
    float inverse = top / (max - min);
    float scale = 1 / inverse;
    for (int i = 0; i < n; i++) {
      codes[to + i] = Bits.clamp(Bits.nearest(inverse * (x[at + i] - min)), 0, top);
    }
    float best = error(n, x, at, weights, codes, to, scale, min);
    int[] trial = new int[n];
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
    return new Found(scale, -min, codes);
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

  static Found ofTrials(int n, int limit, float[] x, int at) {
    int[] codes = new int[n];
    int to = 0;
    float max = Bits.extreme(x, at, n);
    if (Math.abs(max) < LeastSquaresScale.NOTHING) {
      Arrays.fill(codes, to, to + n, 0);
      return new Found(0, 0, codes);
    }
    float inverse = -limit / max;
    float xl = 0;
    float ll = 0;
    for (int i = 0; i < n; i++) {
      float v = x[at + i];
      int l = Bits.clamp(Bits.nearest(inverse * v), -limit, limit - 1);
      codes[to + i] = l + limit;
      float w = v * v;
      xl += w * v * l;
      ll += w * l * l;
    }
    float scale = ll != 0 ? xl / ll : 0;
    float best = scale * xl;
    for (int trial = -9; trial <= 9; trial++) {
      if (trial == 0) {
        continue;
      }
      inverse = -(limit + 0.1f * trial) / max;
      xl = 0;
      ll = 0;
      for (int i = 0; i < n; i++) {
        float v = x[at + i];
        int l = Bits.clamp(Bits.nearest(inverse * v), -limit, limit - 1);
        float w = v * v;
        xl += w * v * l;
        ll += w * l * l;
      }
      if (ll > 0 && xl * xl > best * ll) {
        for (int i = 0; i < n; i++) {
          int l = Bits.nearest(inverse * x[at + i]);
          codes[to + i] = limit + Bits.clamp(l, -limit, limit - 1);
        }
        scale = xl / ll;
        best = scale * xl;
      }
    }
    return new Found(scale, 0, codes);
  }

  static Found ofMoves(int n, int limit, float[] x, int at) {
    int[] codes = new int[n];
    int to = 0;
    float max = Bits.extreme(x, at, n);
    if (Math.abs(max) < LeastSquaresScale.NOTHING) {
      Arrays.fill(codes, to, to + n, 0);
      return new Found(0, 0, codes);
    }
    float inverse = -limit / max;
    float xl = 0;
    float ll = 0;
    for (int i = 0; i < n; i++) {
      float v = x[at + i];
      int l = Bits.clamp(Bits.nearest(inverse * v), -limit, limit - 1);
      codes[to + i] = l;
      float w = v * v;
      xl += w * v * l;
      ll += w * l * l;
    }
    for (int pass = 0; pass < 5; pass++) {
      boolean moved = false;
      for (int i = 0; i < n; i++) {
        float v = x[at + i];
        int l = codes[to + i];
        float w = v * v;
        float otherXl = xl - w * v * l;
        if (otherXl > 0) {
          float otherLl = ll - w * l * l;
          int better = Bits.clamp(Bits.nearest(v * otherLl / otherXl), -limit, limit - 1);
          if (better != l) {
            otherXl += w * v * better;
            otherLl += w * better * better;
            if (otherLl > 0 && otherXl * otherXl * ll > xl * xl * otherLl) {
              codes[to + i] = better;
              xl = otherXl;
              ll = otherLl;
              moved = true;
            }
          }
        }
      }
      if (!moved) {
        break;
      }
    }
    for (int i = 0; i < n; i++) {
      codes[to + i] += limit;
    }
    return new Found(ll > 0 ? xl / ll : 0, 0, codes);
  }
}
