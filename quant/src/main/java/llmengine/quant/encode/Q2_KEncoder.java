package llmengine.quant.encode;

import static llmengine.quant.encode.Bits.nearest;

/** Q2_K: scale and minimum of each 16 values searched, then rounded to 4 bits. */
public final class Q2_KEncoder extends BlockwiseEncoder {
  private static final ScaleAndMinimum SEARCH = new ScaleAndMinimum(3, -0.5f, 0.1f, 15, true);

  public Q2_KEncoder() {
    super("Q2_K", 256, 84, SCALED_LIMIT, 80, 82);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float largestScale = 0;
    float largestMin = 0;
    Parts.across(x, at, 16, 16, work.across);
    for (int i = 0; i < 256; i++) {
      work.weights[i] = Math.abs(work.across[i]);
    }
    SEARCH.search(16, 16, work);
    for (int j = 0; j < 16; j++) {
      largestScale = Math.max(largestScale, work.scales[j]);
      largestMin = Math.max(largestMin, work.mins[j]);
    }
    float perScale = largestScale > 0 ? 15 / largestScale : 0;
    float perMin = largestMin > 0 ? 15 / largestMin : 0;
    Bits.putHalf(out, to + 80, largestScale / 15);
    Bits.putHalf(out, to + 82, largestMin / 15);
    float d = Bits.half(out, to + 80);
    float dmin = Bits.half(out, to + 82);
    for (int j = 0; j < 16; j++) {
      int fields =
          (nearest(perScale * work.scales[j]) | nearest(perMin * work.mins[j]) << 4) & 0xff;
      out[to + j] = (byte) fields;
      float scale = d * (fields & 15);
      float min = dmin * (fields >> 4);
      if (scale != 0) {
        Parts.codes(x, at + 16 * j, 16, scale, min, 0, 3, work.codes, 16 * j);
      } else {
        Parts.searched(x, at + 16 * j, 16, work, j, 0, 3, work.codes, 16 * j);
      }
    }
    TwoBits.write(work.codes, out, to + 16);
  }
}
