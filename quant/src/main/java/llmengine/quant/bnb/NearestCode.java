package llmengine.quant.bnb;

/**
 * The nearest of up to 256 ascending values; a number halfway between two goes to the lower one.
 * The upper 16 bits of a float lead to the first candidate, from which few steps remain.
 */
final class NearestCode {
  private final float[] midpoints;
  private final byte[] first = new byte[1 << 16];

  NearestCode(float[] ascending) {
    midpoints = new float[ascending.length - 1];
    for (int i = 0; i < midpoints.length; i++) {
      midpoints[i] = (ascending[i] + ascending[i + 1]) / 2;
    }
    for (int prefix = 0; prefix < first.length; prefix++) {
      boolean negative = prefix >= 1 << 15; // more magnitude is less there
      float least = Float.intBitsToFloat(prefix << 16 | (negative ? 0xFFFF : 0));
      int code = 0;
      while (code < midpoints.length && midpoints[code] < least) { // false for NaN
        code++;
      }
      first[prefix] = (byte) code;
    }
  }

  /** Index of the value nearest to {@code x}, which is not NaN. */
  int of(float x) {
    int code = first[Float.floatToRawIntBits(x) >>> 16] & 0xFF;
    while (code < midpoints.length && x > midpoints[code]) {
      code++;
    }
    return code;
  }
}
