package llmengine.quant.ptq;

/**
 * HQQ's half-quadratic solver for the zero points: in turn the codes, a sparse error (shrinking by
 * the proximal operator of the l_p norm, p = 0.7) and the zero point that explains the rest. Scales
 * stay. Works on some groups at a time, laid out with a group to a column, so that inner loops run
 * over groups.
 */
final class HqqSolver {
  static final int MOST_ITERATIONS = 20;

  private static final double P = 0.7;
  private static final float BETA = 10;
  // |e| - |e|^(p - 1) / beta is negative below beta^(-1 / (2 - p)) = 0.1701
  private static final float NO_ERROR = 0.17f;
  private static final float MOST_SCALE = 2e4f;
  private static final float ROUND = 0x1.8p23f; // added and taken off: rint for |x| < 2^22

  private final float most; // largest code

  HqqSolver(int bits) {
    most = (1 << bits) - 1;
  }

  /**
   * Scales (inverse, as the solver has them) and zero points that map each group's range to the
   * codes. Not finite where a value is not.
   */
  void start(float[] values, int size, int groups, float[] scale, float[] zero) {
    float[] largest = new float[groups];
    for (int g = 0; g < groups; g++) {
      zero[g] = values[g];
      largest[g] = values[g];
    }
    for (int i = 1; i < size; i++) {
      for (int g = 0; g < groups; g++) {
        float v = values[i * groups + g];
        zero[g] = Math.min(zero[g], v);
        largest[g] = Math.max(largest[g], v);
      }
    }
    for (int g = 0; g < groups; g++) {
      float range = largest[g] - zero[g];
      scale[g] = Float.isFinite(range) ? Math.min(most / range, MOST_SCALE) : Float.NaN;
      zero[g] = -zero[g] * scale[g];
    }
  }

  /**
   * One iteration: replaces the zero points and returns the sum of the errors' magnitudes as they
   * were before.
   */
  double improve(float[] values, int size, int groups, float[] scale, float[] zero) {
    float[] sum = new float[groups];
    float[] errors = new float[groups];
    for (int i = 0; i < size; i++) {
      int row = i * groups;
      for (int g = 0; g < groups; g++) {
        float v = values[row + g];
        float code = code(v, scale[g], zero[g]);
        float error = v - (code - zero[g]) / scale[g];
        errors[g] += Math.abs(error);
        sum[g] += code - (v - shrink(error)) * scale[g];
      }
    }
    double total = 0;
    for (int g = 0; g < groups; g++) {
      zero[g] = sum[g] / size;
      total += errors[g];
    }
    return total;
  }

  private static float shrink(float error) {
    float magnitude = Math.abs(error);
    if (magnitude < NO_ERROR) {
      return 0;
    }
    float rest = magnitude - (float) Math.pow(magnitude, P - 1) / BETA;
    return rest > 0 ? Math.copySign(rest, error) : 0;
  }

  /** The code of a value, in 0 ... most. */
  float code(float value, float scale, float zero) {
    float steps = Math.min(Math.max(value * scale + zero, 0), most);
    return steps + ROUND - ROUND;
  }
}
