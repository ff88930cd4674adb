package llmengine.quant.encode;

import static llmengine.quant.encode.Bits.nearest;

import jdk.incubator.vector.FloatVector;

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
      if (d * scale != 0) {
        Parts.codes(x, at + 32 * j, 32, d * scale, dmin * min, 0, top, work.codes, 32 * j);
      } else {
        Parts.searched(x, at + 32 * j, 32, work, j, 0, top, work.codes, 32 * j);
      }
    }
  }

  /**
   * Lays 8 parts of 32 values across and weighs each value by its magnitude and the root of its
   * part's mean square.
   */
  static void across(float[] x, int at, Work work) {
    Parts.across(x, at, 8, 32, work.across);
    for (int p = 0; p < 8; p += Parts.LANES) {
      FloatVector squares = Parts.fill(0);
      for (int i = p; i < 256; i += 8) {
        FloatVector v = Parts.load(work.across, i);
        squares = squares.add(v.mul(v));
      }
      FloatVector mean = squares.div(32).sqrt();
      for (int i = p; i < 256; i += 8) {
        mean.add(Parts.load(work.across, i).abs()).intoArray(work.weights, i);
      }
    }
  }
}
