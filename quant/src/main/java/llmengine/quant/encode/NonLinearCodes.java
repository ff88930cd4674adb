package llmengine.quant.encode;

import llmengine.quant.NonLinear;

/** Codes of IQ4_NL and IQ4_XS: indices into a table of 16 unevenly spaced levels. */
final class NonLinearCodes {
  private static final int[] LEVELS = NonLinear.levels();

  private NonLinearCodes() {}

  /** Index of the level nearest to x; the upper of two as near. */
  static int nearestLevel(float x) {
    int low = 0;
    int high = 15;
    if (x <= LEVELS[0]) {
      return 0;
    }
    if (x >= LEVELS[15]) {
      return 15;
    }
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (x < LEVELS[middle]) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return x - LEVELS[high - 1] < LEVELS[high] - x ? high - 1 : high;
  }

  /**
   * The scale of 32 values with the least squared error, weighted by x², of 16 that map the extreme
   * value to the lowest level or near it (ggml: quantize_row_iq4_nl_impl); 0 if all are 0.
   */
  static float scale(float[] x, int at) {
    float max = Bits.extreme(x, at, 32);
    if (Math.abs(max) < LeastSquaresScale.NOTHING) {
      return 0;
    }
    float d = -max / LEVELS[0];
    float best = 0;
    for (int trial = -8; trial <= 7; trial++) {
      // the first trial maps to the level of the other sign and is kept whatever its error
      float inverse = trial == -8 ? 1 / d : (trial + LEVELS[0]) / max;
      float qx = 0;
      float qq = 0;
      for (int i = at; i < at + 32; i++) {
        float v = x[i];
        float q = LEVELS[nearestLevel(inverse * v)];
        float w = v * v;
        qx += w * q * v;
        qq += w * q * q;
      }
      if (trial == -8) {
        d = qq > 0 ? qx / qq : 0;
        best = d * qx;
      } else if (qq > 0 && qx * qx > best * qq) {
        d = qx / qq;
        best = d * qx;
      }
    }
    return d;
  }

  /** Writes the 16 bytes of 32 codes: values i and 16 + i share a byte. */
  static void write(float[] x, int at, float inverse, byte[] out, int to) {
    for (int i = 0; i < 16; i++) {
      int low = nearestLevel(inverse * x[at + i]);
      int high = nearestLevel(inverse * x[at + 16 + i]);
      out[to + i] = (byte) (low | high << 4);
    }
  }
}
