package llmengine.data.random;

/**
 * Box-Muller on blocks of 16 uniforms in float32 with the polynomials of the Cephes library and
 * fused multiply-adds, so that the bits equal torch's vectorised code.
 */
final class TorchNormal {
  private static final float SQRT_HALF = 0.707106781186547524f;
  private static final float LN2_LOW = -2.12194440e-4f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float[] LOG = {
    7.0376836292E-2f,
    -1.1514610310E-1f,
    1.1676998740E-1f,
    -1.2420140846E-1f,
    1.4249322787E-1f,
    -1.6668057665E-1f,
    2.0000714765E-1f,
    -2.4999993993E-1f,
    3.3333331174E-1f
  };
  private static final float FOUR_OVER_PI = 1.27323954473516f;
  // pi/4 in three parts (Cody and Waite)
  private static final float DP1 = -0.78515625f;
  private static final float DP2 = -2.4187564849853515625e-4f;
  private static final float DP3 = -3.77489497744594108e-8f;

  private TorchNormal() {}

  /**
   * Turns values[start .. start+15], uniform in [0, 1), into normal ones: radii first, then angles.
   */
  static void block(float[] values, int start, float mean, float std) {
    for (int j = start; j < start + 8; j++) {
      float radius = (float) Math.sqrt(-2.0f * log(1.0f - values[j]));
      float angle = (float) (2 * Math.PI) * values[j + 8];
      values[j] = Math.fma(radius * cosine(angle), std, mean);
      values[j + 8] = Math.fma(radius * sine(angle), std, mean);
    }
  }

  private static float log(float argument) {
    float x = Math.max(argument, Float.MIN_NORMAL);
    int bits = Float.floatToRawIntBits(x);
    float e = (bits >>> 23) - 126;
    x = Float.intBitsToFloat((bits & 0x007fffff) | 0x3f000000);
    if (x < SQRT_HALF) {
      e -= 1;
      x = x - 1 + x;
    } else {
      x -= 1;
    }
    float z = x * x;
    float y = LOG[0];
    for (int i = 1; i < LOG.length; i++) {
      y = Math.fma(y, x, LOG[i]);
    }
    y = Math.fma(y * x, z, e * LN2_LOW);
    y = Math.fma(-0.5f, z, y);
    return Math.fma(e, LN2_HIGH, x + y);
  }

  private static float cosine(float angle) {
    int octant = octant(angle);
    float x = reduced(angle, octant);
    float value = (octant & 2) == 0 ? cosinePolynomial(x) : sinePolynomial(x);
    return (~(octant - 2) & 4) != 0 ? -value : value;
  }

  private static float sine(float angle) {
    int octant = octant(angle);
    float x = reduced(angle, octant);
    float value = (octant & 2) == 0 ? sinePolynomial(x) : cosinePolynomial(x);
    return (octant & 4) != 0 ? -value : value;
  }

  private static int octant(float angle) {
    return ((int) (angle * FOUR_OVER_PI) + 1) & ~1;
  }

  private static float reduced(float angle, int octant) {
    float y = octant;
    return Math.fma(y, DP3, Math.fma(y, DP2, Math.fma(y, DP1, angle)));
  }

  private static float cosinePolynomial(float x) {
    float z = x * x;
    float y = Math.fma(2.443315711809948E-005f, z, -1.388731625493765E-003f);
    y = Math.fma(y, z, 4.166664568298827E-002f);
    return Math.fma(y * z, z, -0.5f * z) + 1;
  }

  private static float sinePolynomial(float x) {
    float z = x * x;
    float y = Math.fma(-1.9515295891E-4f, z, 8.3321608736E-3f);
    y = Math.fma(y, z, -1.6666654611E-1f);
    return Math.fma(y * z, x, x);
  }
}
