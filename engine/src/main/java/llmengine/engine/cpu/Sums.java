// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * Sums over arrays padded with zeros to a multiple of 16, in one order at every vector width:
 * sixteen partial sums (element i goes to partial i mod 16), then p[i] + p[i+8], + p[i+4], ...
 */
final class Sums {
  private static final VectorShuffle<Float> ROTATE8 = rotate(8);
  private static final VectorShuffle<Float> ROTATE4 = rotate(4);
  private static final VectorShuffle<Float> ROTATE2 = rotate(2);
  private static final VectorShuffle<Float> ROTATE1 = rotate(1);

  private Sums() {}

  private static VectorShuffle<Float> rotate(int d) {
    return VectorShuffle.fromOp(F, lane -> (lane + d) % L);
  }

  /** The last steps of the tree, when 16 partials were folded into one vector. */
  static float fold(FloatVector v) {
    if (L >= 16) {
      v = v.add(v.rearrange(ROTATE8));
    }
    if (L >= 8) {
      v = v.add(v.rearrange(ROTATE4));
    }
    v = v.add(v.rearrange(ROTATE2));
    return v.add(v.rearrange(ROTATE1)).lane(0);
  }

  static float fold(FloatVector low, FloatVector high) { // two vectors of eight
    return fold(low.add(high));
  }

  static float fold(FloatVector a, FloatVector b, FloatVector c, FloatVector d) { // four of four
    return fold(a.add(c).add(b.add(d)));
  }

  /** Sum of x[i], i in [0, n). */
  static float sum(float[] x, int n) {
    return sum(x, 0, n);
  }

  /** Sum of x[from + i], i in [0, n). */
  static float sum(float[] x, int from, int n) {
    FloatVector zero = FloatVector.zero(F);
    if (L == 16) {
      FloatVector s = zero;
      for (int i = 0; i < n; i += 16) {
        s = s.add(at(x, from + i));
      }
      return fold(s);
    }
    if (L == 8) {
      FloatVector s = zero;
      FloatVector t = zero;
      for (int i = 0; i < n; i += 16) {
        s = s.add(at(x, from + i));
        t = t.add(at(x, from + i + 8));
      }
      return fold(s, t);
    }
    FloatVector s = zero;
    FloatVector t = zero;
    FloatVector u = zero;
    FloatVector v = zero;
    for (int i = 0; i < n; i += 16) {
      s = s.add(at(x, from + i));
      t = t.add(at(x, from + i + 4));
      u = u.add(at(x, from + i + 8));
      v = v.add(at(x, from + i + 12));
    }
    return fold(s, t, u, v);
  }

  /** Sum of x[xo + i] * y[yo + i]. */
  static float dot(float[] x, int xo, float[] y, int yo, int n) {
    FloatVector zero = FloatVector.zero(F);
    if (L == 16) {
      FloatVector s = zero;
      for (int i = 0; i < n; i += 16) {
        s = at(x, xo + i).fma(at(y, yo + i), s);
      }
      return fold(s);
    }
    if (L == 8) {
      FloatVector s = zero;
      FloatVector t = zero;
      for (int i = 0; i < n; i += 16) {
        s = at(x, xo + i).fma(at(y, yo + i), s);
        t = at(x, xo + i + 8).fma(at(y, yo + i + 8), t);
      }
      return fold(s, t);
    }
    FloatVector s = zero;
    FloatVector t = zero;
    FloatVector u = zero;
    FloatVector v = zero;
    for (int i = 0; i < n; i += 16) {
      s = at(x, xo + i).fma(at(y, yo + i), s);
      t = at(x, xo + i + 4).fma(at(y, yo + i + 4), t);
      u = at(x, xo + i + 8).fma(at(y, yo + i + 8), u);
      v = at(x, xo + i + 12).fma(at(y, yo + i + 12), v);
    }
    return fold(s, t, u, v);
  }

  /**
   * Adds x[xo + i] * y[yo + i] to the sixteen partial sums at p[at ...], which {@link
   * #fold(float[], int)} ends.
   */
  static void partials(float[] x, int xo, float[] y, int yo, int n, float[] p, int at) {
    for (int lane = 0; lane < 16; lane += L) {
      FloatVector s = at(p, at + lane);
      for (int i = lane; i < n; i += 16) {
        s = at(x, xo + i).fma(at(y, yo + i), s);
      }
      s.intoArray(p, at + lane);
    }
  }

  /** The tree over sixteen partial sums. */
  static float fold(float[] p, int at) {
    if (L == 16) {
      return fold(at(p, at));
    }
    if (L == 8) {
      return fold(at(p, at), at(p, at + 8));
    }
    return fold(at(p, at), at(p, at + 4), at(p, at + 8), at(p, at + 12));
  }

  /** The greatest x[i], i in [from, n); NaN is skipped, -infinity if there is nothing else. */
  static float max(float[] x, int from, int n) {
    float max = Float.NEGATIVE_INFINITY;
    int i = from;
    if (n - from >= L) {
      FloatVector m = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
      for (; i <= n - L; i += L) {
        FloatVector v = at(x, i);
        m = m.blend(v, v.compare(VectorOperators.GT, m));
      }
      max = m.reduceLanes(VectorOperators.MAX);
    }
    for (; i < n; i++) {
      max = x[i] > max ? x[i] : max;
    }
    return max;
  }

  private static FloatVector at(float[] x, int i) {
    return FloatVector.fromArray(F, x, i);
  }
}
