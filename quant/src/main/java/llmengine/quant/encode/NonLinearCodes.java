package llmengine.quant.encode;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import llmengine.quant.NonLinear;

/** Codes of IQ4_NL and IQ4_XS: indices into a table of 16 unevenly spaced levels. */
final class NonLinearCodes {
  private static final int[] LEVELS = NonLinear.levels();

  /** Values from middles[k] on are nearer to level k + 1 than to level k, or as near. */
  private static final float[] MIDDLES = new float[15];

  private static final int TRIALS = 16;

  static {
    for (int k = 0; k < 15; k++) {
      MIDDLES[k] = 0.5f * (LEVELS[k] + LEVELS[k + 1]);
    }
  }

  private NonLinearCodes() {}

  /**
   * The scale of 32 values with the least squared error, weighted by x², of 16 that map the extreme
   * value to the lowest level or near it (ggml: quantize_row_iq4_nl_impl); 0 if all are 0. The
   * trials run side by side in the vectors' lanes.
   */
  static float scale(float[] x, int at, Work work) {
    float extreme = Bits.extreme(x, at, 32);
    if (Math.abs(extreme) < LeastSquaresScale.NOTHING) {
      return 0;
    }
    float[] inverses = work.trial;
    // the first trial maps to the level of the other sign and is kept whatever its error
    inverses[0] = 1 / (-extreme / LEVELS[0]);
    for (int t = 1; t < TRIALS; t++) {
      inverses[t] = (t - 8 + LEVELS[0]) / extreme;
    }
    float[] qx = work.across;
    float[] qq = work.weights;
    for (int t = 0; t < TRIALS; t += Parts.LANES) {
      FloatVector inverse = Parts.load(inverses, t);
      FloatVector sumQx = Parts.fill(0);
      FloatVector sumQq = sumQx;
      for (int i = at; i < at + 32; i++) {
        float v = x[i];
        FloatVector q = level(inverse.mul(v));
        FloatVector wq = q.mul(v * v);
        sumQx = sumQx.add(wq.mul(v));
        sumQq = sumQq.add(wq.mul(q));
      }
      sumQx.intoArray(qx, t);
      sumQq.intoArray(qq, t);
    }
    float d = qq[0] > 0 ? qx[0] / qq[0] : 0;
    float best = d * qx[0];
    for (int t = 1; t < TRIALS; t++) {
      if (qq[t] > 0 && qx[t] * qx[t] > best * qq[t]) {
        d = qx[t] / qq[t];
        best = d * qx[t];
      }
    }
    return d;
  }

  /** The level nearest to each x; the upper of two as near. */
  private static FloatVector level(FloatVector x) {
    FloatVector level = Parts.fill(LEVELS[0]);
    for (int k = 0; k < 15; k++) {
      VectorMask<Float> above = x.compare(VectorOperators.GE, MIDDLES[k]);
      level = level.blend(LEVELS[k + 1], above);
    }
    return level;
  }

  /** Writes the 16 bytes of 32 codes: values i and 16 + i share a byte. */
  static void write(float[] x, int at, float inverse, byte[] out, int to, Work work) {
    int[] codes = work.codes;
    for (int i = 0; i < 32; i += Parts.LANES) {
      FloatVector v = Parts.load(x, at + i).mul(inverse);
      IntVector code = IntVector.zero(Parts.INTS);
      for (float middle : MIDDLES) {
        code = code.add(1, v.compare(VectorOperators.GE, middle).cast(Parts.INTS));
      }
      code.intoArray(codes, i);
    }
    for (int i = 0; i < 16; i++) {
      out[to + i] = (byte) (codes[i] | codes[16 + i] << 4);
    }
  }
}
