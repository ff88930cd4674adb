package llmengine.quant.encode;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Searches scale d and minimum m <= 0 of values x coded as d code + m, codes 0 ... top: for each of
 * a row of trial scales the weighted least squares fit of d and m to the rounded codes (ggml:
 * make_qkx2_quants). All parts of a block are searched side by side.
 *
 * @param top largest code
 * @param first trials multiply the codes' range by (top + first + t step) / top
 * @param trials how many after the first
 * @param absolute whether the error of a fit is measured in absolute differences, not in squares
 */
record ScaleAndMinimum(int top, float first, float step, int trials, boolean absolute) {
  /**
   * Reads {@code work.across} and {@code work.weights}, writes scales, negated minimums, inverses
   * and bases of {@code parts} parts of n values.
   */
  void search(int parts, int n, Work work) {
    for (int p = 0; p < parts; p += Parts.LANES) {
      search(parts, n, p, work);
    }
  }

  private void search(int parts, int n, int p, Work work) {
    float[] across = work.across;
    float[] weights = work.weights;
    FloatVector min = Parts.load(across, p);
    FloatVector max = min;
    FloatVector w = Parts.load(weights, p);
    FloatVector x1 = w.mul(min);
    for (int i = 1; i < n; i++) {
      FloatVector v = Parts.load(across, i * parts + p);
      FloatVector wi = Parts.load(weights, i * parts + p);
      min = min.min(v);
      max = max.max(v);
      w = w.add(wi);
      x1 = x1.add(wi.mul(v));
    }
    min = min.min(0);
    VectorMask<Float> flat = max.eq(min);
    FloatVector lowest = min;
    FloatVector inverse = Parts.fill(top).div(max.sub(min));
    FloatVector scale = Parts.fill(1).div(inverse);
    FloatVector bestInverse = inverse;
    FloatVector bestBase = min;
    for (int i = 0; i < n; i++) {
      int at = i * parts + p;
      Parts.code(inverse.mul(Parts.load(across, at).sub(min)), 0, top).intoArray(work.trial, at);
    }
    FloatVector best = error(parts, n, p, work, scale, min);
    for (int t = 0; t <= trials; t++) {
      // from the best minimum so far, not the smallest value: ggml does so too
      inverse = Parts.fill(first + step * t + top).div(max.sub(min));
      FloatVector l1 = Parts.fill(0);
      FloatVector l2 = l1;
      FloatVector xl = l1;
      for (int i = 0; i < n; i++) {
        int at = i * parts + p;
        FloatVector v = Parts.load(across, at);
        FloatVector l = Parts.code(inverse.mul(v.sub(min)), 0, top);
        l.intoArray(work.trial, at);
        FloatVector wl = Parts.load(weights, at).mul(l);
        l1 = l1.add(wl);
        l2 = l2.add(wl.mul(l));
        xl = xl.add(wl.mul(v));
      }
      FloatVector determinant = w.mul(l2).sub(l1.mul(l1));
      FloatVector d = w.mul(xl).sub(x1.mul(l1)).div(determinant);
      FloatVector m = l2.mul(x1).sub(l1.mul(xl)).div(determinant);
      VectorMask<Float> positive = m.compare(VectorOperators.GT, 0);
      d = d.blend(xl.div(l2), positive);
      m = m.blend(0, positive);
      FloatVector error = error(parts, n, p, work, d, m);
      VectorMask<Float> better = determinant.compare(VectorOperators.GT, 0).and(error.lt(best));
      bestInverse = bestInverse.blend(inverse, better);
      bestBase = bestBase.blend(min, better);
      best = best.blend(error, better);
      scale = scale.blend(d, better);
      min = min.blend(m, better);
    }
    scale.blend(0, flat).intoArray(work.scales, p);
    min.blend(lowest, flat).neg().intoArray(work.mins, p);
    bestInverse.blend(Float.NaN, flat).intoArray(work.inverses, p);
    bestBase.intoArray(work.bases, p);
  }

  /** Weighted error of the codes under trial with scale d and minimum m. */
  private FloatVector error(int parts, int n, int p, Work work, FloatVector d, FloatVector m) {
    FloatVector sum = Parts.fill(0);
    for (int i = 0; i < n; i++) {
      int at = i * parts + p;
      FloatVector l = Parts.load(work.trial, at);
      FloatVector difference = d.mul(l).add(m).sub(Parts.load(work.across, at));
      difference = absolute ? difference.abs() : difference.mul(difference);
      sum = sum.add(Parts.load(work.weights, at).mul(difference));
    }
    return sum;
  }
}
