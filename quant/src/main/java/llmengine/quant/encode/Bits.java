package llmengine.quant.encode;

/** Rounding and little-endian fields. */
final class Bits {
  private Bits() {}

  /**
   * Nearest integer, ties to even, of values within 2^22: adding 1.5 2^23 leaves the integer in the
   * mantissa. Values beyond lose their upper bits, as they do in ggml.
   */
  static int nearest(float x) {
    return (Float.floatToRawIntBits(x + 12582912f) & 0x007fffff) - 0x00400000;
  }

  /** Nearest integer, ties away from zero (C's roundf), of values within 2^22. */
  static int round(float x) {
    return (int) (x + Math.copySign(0.49999997f, x)); // 0.5 would carry 0.49999997 to 1
  }

  static int clamp(int value, int low, int high) {
    return Math.max(low, Math.min(high, value));
  }

  static void putHalf(byte[] out, int at, float value) {
    short bits = Float.floatToFloat16(value);
    out[at] = (byte) bits;
    out[at + 1] = (byte) (bits >> 8);
  }

  /** The half float at {@code in[at]}. */
  static float half(byte[] in, int at) {
    return Float.float16ToFloat((short) ((in[at] & 0xff) | in[at + 1] << 8));
  }

  static void putWord(byte[] out, int at, int value) {
    out[at] = (byte) value;
    out[at + 1] = (byte) (value >> 8);
    out[at + 2] = (byte) (value >> 16);
    out[at + 3] = (byte) (value >> 24);
  }

  /** The value of largest magnitude, with its sign; the first of several. */
  static float extreme(float[] x, int at, int n) {
    float amax = 0;
    float max = 0;
    for (int i = at; i < at + n; i++) {
      float a = Math.abs(x[i]);
      if (a > amax) {
        amax = a;
        max = x[i];
      }
    }
    return max;
  }

  /** 1 / d, or 0 for 0. */
  static float inverse(float d) {
    return d == 0 ? 0 : 1 / d;
  }
}
