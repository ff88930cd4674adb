// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static llmengine.engine.cpu.Lanes.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/**
 * Elementary functions in plain f32 operations, so that every lane gives the same bits at every
 * vector width (the library behind {@code VectorOperators.EXP} differs by width). Polynomials are
 * Chebyshev fits; errors are 1 to 2 ulp unless said otherwise. NaN in, NaN out.
 */
final class VectorMath {
  private static final float LOG2_E = 0x1.715476p+0f;
  // ln 2 in two parts; the first has trailing zeros, so n * LN2_HIGH is exact for |n| < 2^9.
  private static final float LN2_HIGH = 0x1.62e400p-1f;
  private static final float LN2_LOW = 0x1.7f7d1cp-20f;
  // Adding and subtracting 1.5 * 2^23 rounds to an integer; its bits are then that integer + this.
  private static final float ROUND = 0x1.8p23f;
  private static final int ROUND_BITS = 0x4B400000;

  private VectorMath() {}

  /** e^x; below 2^-126 the result is 0, subnormals cost a hundred cycles each on some machines. */
  static FloatVector exp(FloatVector x) {
    FloatVector v = x.blend(89f, x.compare(GT, 89f));
    FloatVector shifted = v.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(FloatVector.broadcast(F, -LN2_HIGH), v);
    r = n.fma(FloatVector.broadcast(F, -LN2_LOW), r);
    FloatVector p = FloatVector.broadcast(F, 0.0013941213255748153f);
    p = p.fma(r, FloatVector.broadcast(F, 0.008375209756195545f));
    p = p.fma(r, FloatVector.broadcast(F, 0.04166635125875473f));
    p = p.fma(r, FloatVector.broadcast(F, 0.16666413843631744f));
    p = p.fma(r, FloatVector.broadcast(F, 0.5f));
    p = p.fma(r, FloatVector.broadcast(F, 1f));
    p = p.fma(r, FloatVector.broadcast(F, 1f));
    // 2^n in two factors: n reaches 128, which is no exponent of a float.
    IntVector exponent = shifted.reinterpretAsInts().sub(ROUND_BITS);
    IntVector half = exponent.lanewise(ASHR, 1);
    FloatVector low = half.add(127).lanewise(LSHL, 23).reinterpretAsFloats();
    FloatVector high = exponent.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats();
    return p.mul(low).mul(high).blend(0f, x.compare(LT, -87.3365f));
  }

  /** 1 / (1 + e^-x). */
  static FloatVector sigmoid(FloatVector x) {
    return FloatVector.broadcast(F, 1f).div(exp(x.neg()).add(1f));
  }

  /** tanh x: x + x^3 P(x^2) below 0.625, 1 - 2 / (e^2|x| + 1) above. */
  static FloatVector tanh(FloatVector x) {
    FloatVector a = x.abs();
    FloatVector z = x.mul(x);
    FloatVector p = FloatVector.broadcast(F, 0.002292744582518935f);
    p = p.fma(z, FloatVector.broadcast(F, -0.008343945257365704f));
    p = p.fma(z, FloatVector.broadcast(F, 0.02176891826093197f));
    p = p.fma(z, FloatVector.broadcast(F, -0.053959257900714874f));
    p = p.fma(z, FloatVector.broadcast(F, 0.13333304226398468f));
    p = p.fma(z, FloatVector.broadcast(F, -0.3333333432674408f));
    FloatVector small = p.mul(z).fma(x, x);
    FloatVector one = FloatVector.broadcast(F, 1f);
    FloatVector large = one.sub(FloatVector.broadcast(F, 2f).div(exp(a.add(a)).add(1f)));
    VectorMask<Float> negative = x.compare(LT, 0f);
    large = large.blend(large.neg(), negative);
    return small.blend(large, a.compare(GT, 0.625f));
  }

  /** e^(-x^2/2), the rounding error of the square corrected. */
  static FloatVector bell(FloatVector x) {
    FloatVector v = x.blend(14f, x.abs().compare(GT, 14f));
    FloatVector square = v.mul(v);
    FloatVector error = v.fma(v, square.neg());
    FloatVector e = exp(square.mul(-0.5f));
    return error.mul(-0.5f).fma(e, e);
  }

  /**
   * Phi(x), the normal distribution function, given {@link #bell}(x): by erf's series in x^2 below
   * sqrt 2, else by erfc(z) e^(z^2) as a polynomial in 1 / (1 + 0.4 z), z = |x| / sqrt 2. The lower
   * tail keeps its relative precision.
   */
  static FloatVector phi(FloatVector x, FloatVector bell) {
    FloatVector z = x.abs().mul(0.70710678f);
    FloatVector one = FloatVector.broadcast(F, 1f);
    FloatVector t = one.div(z.fma(FloatVector.broadcast(F, 0.4f), one));
    FloatVector tail = scaledErfc(t).mul(t).mul(bell).mul(0.5f);
    FloatVector large = tail.blend(one.sub(tail), x.compare(GT, 0f));
    FloatVector s = x.mul(0.70710678f);
    FloatVector small =
        erfOverX(s.mul(s))
            .mul(s)
            .fma(FloatVector.broadcast(F, 0.5f), FloatVector.broadcast(F, 0.5f));
    return small.blend(large, z.compare(GT, 1f));
  }

  private static FloatVector scaledErfc(FloatVector t) {
    FloatVector p = FloatVector.broadcast(F, -0.03350112587213516f);
    p = p.fma(t, FloatVector.broadcast(F, 0.218785360455513f));
    p = p.fma(t, FloatVector.broadcast(F, -0.5465025901794434f));
    p = p.fma(t, FloatVector.broadcast(F, 0.6093421578407288f));
    p = p.fma(t, FloatVector.broadcast(F, -0.3343118727207184f));
    p = p.fma(t, FloatVector.broadcast(F, 0.2979731857776642f));
    p = p.fma(t, FloatVector.broadcast(F, 0.12105998396873474f));
    p = p.fma(t, FloatVector.broadcast(F, 0.21668939292430878f));
    p = p.fma(t, FloatVector.broadcast(F, 0.2247486710548401f));
    return p.fma(t, FloatVector.broadcast(F, 0.22571685910224915f));
  }

  private static FloatVector erfOverX(FloatVector z) {
    FloatVector p = FloatVector.broadcast(F, 7.875874871388078e-05f);
    p = p.fma(z, FloatVector.broadcast(F, -0.000801686430349946f));
    p = p.fma(z, FloatVector.broadcast(F, 0.005189087241888046f));
    p = p.fma(z, FloatVector.broadcast(F, -0.02685421146452427f));
    p = p.fma(z, FloatVector.broadcast(F, 0.11283594369888306f));
    p = p.fma(z, FloatVector.broadcast(F, -0.3761262595653534f));
    return p.fma(z, FloatVector.broadcast(F, 1.1283791065216064f));
  }
}
