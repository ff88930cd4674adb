package llmengine.quant.ptq;

/**
 * Floats of 8 and 4 bits: the OCP 8-bit formats (E4M3 without infinities, E5M2), their variants
 * without a negative zero, and the exponents and elements of the MX formats (OCP Microscaling
 * Formats 1.0, section 5).
 */
public enum SmallFloat {
  /** Bias 7; 0x7F and 0xFF are NaN, no infinities, largest 448. */
  E4M3FN(4, 3, 7),
  /** As IEEE binary16 cut to 8 bits: bias 15, infinities and NaN. */
  E5M2(5, 2, 15),
  /** Bias 8; 0x80 is NaN. */
  E4M3FNUZ(4, 3, 8),
  /** Bias 16; 0x80 is NaN. */
  E5M2FNUZ(5, 2, 16),
  /** An exponent alone: 2^(code - 127); 255 is NaN. */
  E8M0(8, 0, 127),
  /** Four bits: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. */
  E2M1(2, 1, 1);

  private final int exponentBits;
  private final int mantissaBits;
  private final int bias;
  private final float[] values;

  SmallFloat(int exponentBits, int mantissaBits, int bias) {
    this.exponentBits = exponentBits;
    this.mantissaBits = mantissaBits;
    this.bias = bias;
    this.values = new float[exponentBits == 2 ? 16 : 256];
    for (int code = 0; code < values.length; code++) {
      values[code] = decode(code);
    }
  }

  private float decode(int code) {
    int sign = values.length / 2;
    if (exponentBits == 8) {
      return code == 255 ? Float.NaN : Math.scalb(1f, code - bias);
    }
    int magnitude = code & sign - 1;
    int exponent = magnitude >> mantissaBits;
    int mantissa = magnitude & (1 << mantissaBits) - 1;
    boolean ieee = bias == 15;
    boolean unsignedZero = bias == 8 || bias == 16;
    if (unsignedZero && code == sign || bias == 7 && magnitude == 0x7f || ieee && exponent == 31) {
      float special = ieee && mantissa == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
      return code >= sign ? -special : special;
    }
    float value =
        exponent == 0
            ? Math.scalb((float) mantissa, 1 - bias - mantissaBits)
            : Math.scalb(mantissa + (float) (1 << mantissaBits), exponent - bias - mantissaBits);
    return code >= sign ? -value : value;
  }

  /** The value of each code. */
  public float[] table() {
    return values.clone();
  }

  /** The value of a code, whose upper bits don't matter. */
  public float value(int code) {
    return values[code & values.length - 1];
  }

  /**
   * The code nearest to a value, the even one halfway between two. What is too large becomes
   * infinity in E5M2 and the largest value in the others, as PyTorch converts.
   *
   * @throws UnsupportedOperationException for the other formats, which are only read
   */
  public int encode(float value) {
    if (this != E4M3FN && this != E5M2 && this != E2M1) {
      throw new UnsupportedOperationException(name() + " is only read");
    }
    int sign = Float.floatToRawIntBits(value) < 0 ? values.length / 2 : 0;
    int most = this == E2M1 ? 7 : this == E5M2 ? 0x7c : 0x7e; // 6, infinity, 448
    if (Float.isNaN(value)) {
      return sign | values.length / 2 - 1;
    }
    float magnitude = Math.abs(value);
    int exponent = Math.max(1 - bias, Math.min(127, Math.getExponent(magnitude)));
    // in units of the last place, exact in double; the carry of rounding runs into the exponent
    double units = Math.rint(Math.scalb((double) magnitude, mantissaBits - exponent));
    double code = units + ((double) (exponent + bias - 1)) * (1 << mantissaBits);
    return sign | (int) Math.min(most, code);
  }
}
