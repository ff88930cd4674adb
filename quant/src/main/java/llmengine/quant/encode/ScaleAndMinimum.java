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
      start(parts, n, p, work);
      for (int t = 0; t <= trials; t++) {
        fit(parts, n, p, work, first + step * t + top);
      }
      finish(p, work);
    }
  }

  // State between trials is kept in arrays: C2 boxes vectors that live across a loop this large.

  /** The scale and minimum that the smallest and largest value give. */
  private void start(int parts, int n, int p, Work work) {
    float[] across = work.across;
    float[] weights = work.weights;
    FloatVector min = Parts.load(across, p);
    FloatVector max = min;
    FloatVector w = Parts.load(weights, p);
    FloatVector x1 = w.mul(min);
    for (int i = p + parts; i < n * parts; i += parts) {
      FloatVector v = Parts.load(across, i);
      FloatVector wi = Parts.load(weights, i);
      min = min.min(v);
      max = max.max(v);
      w = w.add(wi);
      x1 = x1.add(wi.mul(v));
    }
    min = min.min(0);
    FloatVector inverse = Parts.fill(top).div(max.sub(min));
    FloatVector scale = Parts.fill(1).div(inverse);
    for (int i = p; i < n * parts; i += parts) {
      Parts.code(inverse.mul(Parts.load(across, i).sub(min)), 0, top).intoArray(work.trial, i);
    }
    error(parts, n, p, work, scale, min).intoArray(work.errors, p);
    min.intoArray(work.mins, p);
    min.intoArray(work.bases, p);
    max.intoArray(work.maxima, p);
    w.intoArray(work.sumW, p);
    x1.intoArray(work.sumX, p);
    scale.intoArray(work.scales, p);
    inverse.intoArray(work.inverses, p);
  }

  /** One trial: codes that span {@code range}, the fit to them, kept if its error is smaller. */
  private void fit(int parts, int n, int p, Work work, float range) {
    // from the best minimum so far, not the smallest value: ggml does so too
    FloatVector min = Parts.load(work.mins, p);
    FloatVector inverse = Parts.fill(range).div(Parts.load(work.maxima, p).sub(min));
    FloatVector l1 = Parts.fill(0);
    FloatVector l2 = l1;
    FloatVector xl = l1;
    for (int i = p; i < n * parts; i += parts) {
      FloatVector v = Parts.load(work.across, i);
      FloatVector l = Parts.code(inverse.mul(v.sub(min)), 0, top);
      l.intoArray(work.trial, i);
      FloatVector wl = Parts.load(work.weights, i).mul(l);
      l1 = l1.add(wl);
      l2 = l2.add(wl.mul(l));
      xl = xl.add(wl.mul(v));
    }
    FloatVector w = Parts.load(work.sumW, p);
    FloatVector x1 = Parts.load(work.sumX, p);
    FloatVector determinant = w.mul(l2).sub(l1.mul(l1));
    FloatVector d = w.mul(xl).sub(x1.mul(l1)).div(determinant);
    FloatVector m = l2.mul(x1).sub(l1.mul(xl)).div(determinant);
    VectorMask<Float> positive = m.compare(VectorOperators.GT, 0);
    d = d.blend(xl.div(l2), positive);
    m = m.blend(0, positive);
    FloatVector error = error(parts, n, p, work, d, m);
    FloatVector best = Parts.load(work.errors, p);
    VectorMask<Float> better = determinant.compare(VectorOperators.GT, 0).and(error.lt(best));
    if (better.anyTrue()) {
      best.blend(error, better).intoArray(work.errors, p);
      Parts.load(work.scales, p).blend(d, better).intoArray(work.scales, p);
      min.blend(m, better).intoArray(work.mins, p);
      Parts.load(work.inverses, p).blend(inverse, better).intoArray(work.inverses, p);
      Parts.load(work.bases, p).blend(min, better).intoArray(work.bases, p);
    }
  }

  /** Negates the minimums; a part without a range, whose scale is 0, has codes 0. */
  private static void finish(int p, Work work) {
    FloatVector inverse = Parts.load(work.inverses, p);
    VectorMask<Float> flat = inverse.eq(Float.POSITIVE_INFINITY);
    inverse.blend(Float.NaN, flat).intoArray(work.inverses, p);
    Parts.load(work.mins, p).neg().intoArray(work.mins, p);
  }

  /** Weighted error of the codes under trial with scale d and minimum m. */
  private FloatVector error(int parts, int n, int p, Work work, FloatVector d, FloatVector m) {
    FloatVector sum = Parts.fill(0);
    if (absolute) {
      for (int i = p; i < n * parts; i += parts) {
        FloatVector l = Parts.load(work.trial, i);
        FloatVector difference = d.mul(l).add(m).sub(Parts.load(work.across, i));
        sum = sum.add(Parts.load(work.weights, i).mul(difference.abs()));
      }
      return sum;
    }
    for (int i = p; i < n * parts; i += parts) {
      FloatVector l = Parts.load(work.trial, i);
      FloatVector difference = d.mul(l).add(m).sub(Parts.load(work.across, i));
      sum = sum.add(Parts.load(work.weights, i).mul(difference.mul(difference)));
    }
    return sum;
  }
}
