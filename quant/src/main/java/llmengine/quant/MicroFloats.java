package llmengine.quant;

/**
 * Floats of 4 and 8 bits as GGUF's MXFP4 and NVFP4 use them: four bit values doubled, so that they
 * are integers, and scales halved (OCP Microscaling Formats 1.0, section 5.3 and 5.4).
 */
public final class MicroFloats {
  private static final int[] DOUBLED_E2M1 = {
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12
  };

  private MicroFloats() {}

  /** Twice the values of the 16 E2M1 codes; a copy. */
  public static int[] doubledE2m1() {
    return DOUBLED_E2M1.clone();
  }

  /** Half of the E8M0 scale 2^(code - 127), code 0 ... 255. */
  public static float halfE8m0(int code) {
    return Math.scalb(1f, code - 128);
  }

  /** Half of the E4M3 scale without sign; 0 for code 0x7f, which is no number. */
  public static float halfUe4m3(int code) {
    int exponent = code >> 3 & 15;
    int mantissa = code & 7;
    if (code == 0x7f) {
      return 0;
    }
    return exponent == 0
        ? Math.scalb((float) mantissa, -10)
        : Math.scalb((float) (8 + mantissa), exponent - 11);
  }

  /** Decodes n bytes to 2 n values: byte i holds the codes of values i (low) and n + i (high). */
  static void decode(byte[] in, int at, int n, float d, float[] out, int to) {
    for (int i = 0; i < n; i++) {
      int q = in[at + i];
      out[to + i] = d * DOUBLED_E2M1[q & 15];
      out[to + n + i] = d * DOUBLED_E2M1[q >> 4 & 15];
    }
  }
}
