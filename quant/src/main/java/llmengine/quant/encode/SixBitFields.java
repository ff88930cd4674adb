package llmengine.quant.encode;

import static llmengine.quant.encode.Bits.nearest;

/** Writes scales and minimums of Q4_K and Q5_K: two halves, 12 bytes, and the final codes. */
final class SixBitFields {
  private SixBitFields() {}

  /**
   * Rounds the scales and minimums of 8 parts to 6 bits, writes them to {@code out[to ... to + 15]}
   * and codes the values again with what was rounded.
   */
  static void write(float[] x, int at, byte[] out, int to, int top, Work work) {
    float largestScale = 0;
    float largestMin = 0;
    for (int j = 0; j < 8; j++) {
      largestScale = Math.max(largestScale, work.scales[j]);
      largestMin = Math.max(largestMin, work.mins[j]);
    }
    float perScale = largestScale > 0 ? 63 / largestScale : 0;
    float perMin = largestMin > 0 ? 63 / largestMin : 0;
    Bits.putHalf(out, to, largestScale / 63);
    Bits.putHalf(out, to + 2, largestMin / 63);
    float d = Bits.half(out, to);
    float dmin = Bits.half(out, to + 2);
    int s = to + 4;
    for (int j = 0; j < 8; j++) {
      int scale = Math.min(63, nearest(perScale * work.scales[j]) & 0xff);
      int min = Math.min(63, nearest(perMin * work.mins[j]) & 0xff);
      if (j < 4) {
        out[s + j] = (byte) scale;
        out[s + 4 + j] = (byte) min;
      } else {
        out[s + 4 + j] = (byte) (scale & 15 | (min & 15) << 4);
        out[s + j - 4] |= (byte) (scale >> 4 << 6);
        out[s + j] |= (byte) (min >> 4 << 6);
      }
      codes(x, at + 32 * j, work.codes, 32 * j, 32, d * scale, dmin * min, top);
    }
  }

  /** Codes of n values with scale d and negated minimum m; stay as they are where d is 0. */
  static void codes(float[] x, int at, int[] codes, int to, int n, float d, float m, int top) {
    if (d == 0) {
      return;
    }
    for (int i = 0; i < n; i++) {
      codes[to + i] = Bits.clamp(nearest((x[at + i] + m) / d), 0, top);
    }
  }

  /** Weighs 32 values by their magnitude and the root of the part's mean square. */
  static void weights(float[] x, int at, float[] weights) {
    float squares = 0;
    for (int i = 0; i < 32; i++) {
      squares += x[at + i] * x[at + i];
    }
    float mean = (float) Math.sqrt(squares / 32);
    for (int i = 0; i < 32; i++) {
      weights[i] = mean + Math.abs(x[at + i]);
    }
  }
}
