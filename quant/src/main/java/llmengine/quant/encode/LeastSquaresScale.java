package llmengine.quant.encode;

import java.util.Arrays;

/**
 * Searches the scale d of values x coded as d (code - limit), codes 0 ... 2 limit - 1, that makes
 * the weighted squared error small. For given codes l the best d is sum(w x l) / sum(w l l).
 */
final class LeastSquaresScale {
  /** Parts whose values all lie below count as zero. */
  static final float NOTHING = 1e-15f;

  private LeastSquaresScale() {}

  /**
   * Tries 19 scales around the one that makes the extreme value -limit, weighted by x²; writes
   * codes[to ...] and returns d (ggml: make_qx_quants).
   */
  static float ofTrials(int n, int limit, float[] x, int at, int[] codes, int to) {
    float max = Bits.extreme(x, at, n);
    if (Math.abs(max) < NOTHING) {
      Arrays.fill(codes, to, to + n, 0);
      return 0;
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
    return scale;
  }

  /**
   * Starts from the scale that makes the extreme value -limit and moves single codes while that
   * helps, weighted by x²; writes codes[to ...] and returns d (ggml: make_q3_quants).
   */
  static float ofMoves(int n, int limit, float[] x, int at, int[] codes, int to) {
    float max = Bits.extreme(x, at, n);
    if (Math.abs(max) < NOTHING) {
      Arrays.fill(codes, to, to + n, 0);
      return 0;
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
    return ll > 0 ? xl / ll : 0;
  }
}
