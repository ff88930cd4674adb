package llmengine.quant.encode;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Searches the scale d of values x coded as d (code - limit), codes 0 ... 2 limit - 1, that makes
 * the squared error, weighted by x², small. For given codes l the best d is sum(w x l) / sum(w l
 * l). All 16 parts of a block are searched side by side; {@code work.across} holds their values.
 */
final class LeastSquaresScale {
  /** Parts whose values all lie below count as zero. */
  static final float NOTHING = 1e-15f;

  private static final int PARTS = 16;
  private static final int N = 16;

  private LeastSquaresScale() {}

  /**
   * Tries 19 scales around the one that makes the extreme value -limit (ggml: make_qx_quants);
   * writes scales and inverses.
   */
  static void ofTrials(int limit, Work work) {
    for (int p = 0; p < PARTS; p += Parts.LANES) {
      trials(limit, p, work);
    }
  }

  /**
   * Starts from the scale that makes the extreme value -limit and moves single codes while that
   * helps (ggml: make_q3_quants); writes scales and, as codes cannot be told from them, the codes.
   */
  static void ofMoves(int limit, Work work) {
    for (int p = 0; p < PARTS; p += Parts.LANES) {
      moves(limit, p, work);
    }
    for (int p = 0; p < PARTS; p++) {
      for (int i = 0; i < N; i++) {
        work.codes[p * N + i] = (int) work.trial[i * PARTS + p];
      }
    }
  }

  private static FloatVector extreme(int p, float[] across) {
    FloatVector largest = Parts.fill(0);
    FloatVector extreme = largest;
    for (int i = 0; i < N; i++) {
      FloatVector v = Parts.load(across, i * PARTS + p);
      FloatVector size = v.abs();
      VectorMask<Float> larger = largest.lt(size);
      largest = largest.blend(size, larger);
      extreme = extreme.blend(v, larger);
    }
    return extreme;
  }

  private static void trials(int limit, int p, Work work) {
    float[] across = work.across;
    FloatVector extreme = extreme(p, across);
    VectorMask<Float> nothing = extreme.abs().lt(NOTHING);
    FloatVector scale = Parts.fill(0);
    FloatVector best = scale;
    FloatVector bestInverse = scale;
    for (int k = -10; k <= 9; k++) {
      if (k == 0) {
        continue;
      }
      // the first trial maps the extreme value exactly and is kept whatever its error
      boolean start = k == -10;
      float ends = start ? -limit : -(limit + 0.1f * k);
      FloatVector inverse = Parts.fill(ends).div(extreme);
      FloatVector xl = Parts.fill(0);
      FloatVector ll = xl;
      for (int i = 0; i < N; i++) {
        FloatVector v = Parts.load(across, i * PARTS + p);
        FloatVector l = Parts.code(inverse.mul(v), -limit, limit - 1);
        FloatVector w = v.mul(v);
        xl = xl.add(w.mul(v).mul(l));
        ll = ll.add(w.mul(l).mul(l));
      }
      VectorMask<Float> some = ll.compare(VectorOperators.GT, 0);
      FloatVector fit = xl.div(ll);
      if (start) {
        scale = scale.blend(fit, some);
        best = scale.mul(xl);
        bestInverse = inverse;
      } else {
        VectorMask<Float> better = some.and(best.mul(ll).lt(xl.mul(xl)));
        scale = scale.blend(fit, better);
        best = best.blend(fit.mul(xl), better);
        bestInverse = bestInverse.blend(inverse, better);
      }
    }
    scale.blend(0, nothing).intoArray(work.scales, p);
    bestInverse.blend(Float.NaN, nothing).intoArray(work.inverses, p);
    Parts.fill(0).intoArray(work.bases, p);
  }

  private static void moves(int limit, int p, Work work) {
    float[] across = work.across;
    FloatVector extreme = extreme(p, across);
    VectorMask<Float> nothing = extreme.abs().lt(NOTHING);
    FloatVector inverse = Parts.fill(-limit).div(extreme);
    FloatVector xl = Parts.fill(0);
    FloatVector ll = xl;
    for (int i = 0; i < N; i++) {
      FloatVector v = Parts.load(across, i * PARTS + p);
      FloatVector l = Parts.code(inverse.mul(v), -limit, limit - 1);
      l.intoArray(work.trial, i * PARTS + p);
      FloatVector w = v.mul(v);
      xl = xl.add(w.mul(v).mul(l));
      ll = ll.add(w.mul(l).mul(l));
    }
    boolean moved = true;
    for (int pass = 0; pass < 5 && moved; pass++) {
      moved = false;
      for (int i = 0; i < N; i++) {
        FloatVector v = Parts.load(across, i * PARTS + p);
        FloatVector l = Parts.load(work.trial, i * PARTS + p);
        FloatVector w = v.mul(v);
        FloatVector otherXl = xl.sub(w.mul(v).mul(l));
        FloatVector otherLl = ll.sub(w.mul(l).mul(l));
        VectorMask<Float> tried = otherXl.compare(VectorOperators.GT, 0);
        FloatVector better = Parts.code(v.mul(otherLl).div(otherXl), -limit, limit - 1);
        otherXl = otherXl.add(w.mul(v).mul(better));
        otherLl = otherLl.add(w.mul(better).mul(better));
        VectorMask<Float> moves =
            tried
                .and(better.compare(VectorOperators.NE, l))
                .and(otherLl.compare(VectorOperators.GT, 0))
                .and(xl.mul(xl).mul(otherLl).lt(otherXl.mul(otherXl).mul(ll)))
                .andNot(nothing);
        if (moves.anyTrue()) {
          l.blend(better, moves).intoArray(work.trial, i * PARTS + p);
          xl = xl.blend(otherXl, moves);
          ll = ll.blend(otherLl, moves);
          moved = true;
        }
      }
    }
    for (int i = 0; i < N; i++) {
      FloatVector code = Parts.load(work.trial, i * PARTS + p).add(limit);
      code.blend(0, nothing).intoArray(work.trial, i * PARTS + p);
    }
    FloatVector none = Parts.fill(0);
    VectorMask<Float> some = ll.compare(VectorOperators.GT, 0).andNot(nothing);
    none.blend(xl.div(ll), some).intoArray(work.scales, p);
  }
}
