package llmengine.quant.encode;

import llmengine.quant.MicroFloats;

/** Codes of MXFP4: four bit floats with 2 bits of exponent. */
final class FourBitFloats {
  private static final int[] DOUBLED = MicroFloats.doubledE2m1();

  private FourBitFloats() {}

  /** The code whose value times d is nearest to x; the first of several. */
  static int nearest(float x, float d) {
    int code = 0;
    float best = Math.abs(DOUBLED[0] * d - x);
    for (int c = 1; c < 16; c++) {
      float error = Math.abs(DOUBLED[c] * d - x);
      if (error < best) {
        best = error;
        code = c;
      }
    }
    return code;
  }

  /** Writes 2 n codes in n bytes: values i and n + i share a byte. */
  static void write(float[] x, int at, int n, float d, byte[] out, int to) {
    for (int i = 0; i < n; i++) {
      out[to + i] = (byte) (nearest(x[at + i], d) | nearest(x[at + n + i], d) << 4);
    }
  }
}
