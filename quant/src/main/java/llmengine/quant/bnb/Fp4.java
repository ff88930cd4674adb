package llmengine.quant.bnb;

/**
 * 4-bit float of bitsandbytes: sign (1 bit), exponent (2), mantissa (1), in units of its largest
 * value 12. Codes 0 and 8 are both zero; the smallest number is a subnormal of 1/16.
 */
final class Fp4 {
  private static final float[] MAGNITUDES = {0, 0.0625f, 8, 12, 4, 6, 2, 3};

  static final FourBitCode CODE = new FourBitCode("fp4", values());

  private Fp4() {}

  private static float[] values() {
    float[] values = new float[16];
    for (int code = 0; code < 8; code++) {
      values[code] = MAGNITUDES[code] / 12;
      values[code + 8] = 0 - values[code];
    }
    return values;
  }
}
