package llmengine.quant.encode;

import static llmengine.quant.encode.Bits.nearest;

import java.util.Arrays;

/** Q3_K: scale of each 16 values searched, then rounded to 6 bits. */
public final class Q3_KEncoder extends BlockwiseEncoder {
  public Q3_KEncoder() {
    super("Q3_K", 256, 110, SCALED_LIMIT, 108);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    int[] q = work.codes;
    Parts.across(x, at, 16, 16, work.across);
    LeastSquaresScale.ofMoves(4, work);
    float extreme = Bits.extreme(work.scales, 0, 16);
    int s = to + 96;
    Arrays.fill(out, s, s + 14, (byte) 0);
    float inverse = extreme == 0 ? 0 : -32 / extreme;
    Bits.putHalf(out, to + 108, extreme == 0 ? 0 : 1 / inverse);
    float d = Bits.half(out, to + 108);
    for (int j = 0; j < 16; j++) {
      // an extreme of 0 leaves all fields 0, which stand for -32 beside d = 0
      int scale =
          extreme == 0 ? 0 : Bits.clamp((byte) nearest(inverse * work.scales[j]), -32, 31) + 32;
      out[s + j % 8] |= (byte) ((scale & 15) << 4 * (j / 8));
      out[s + 8 + j % 4] |= (byte) (scale >> 4 << 2 * (j / 4));
      float step = d * (scale - 32);
      if (step != 0) {
        Parts.codes(x, at + 16 * j, 16, step, 0, -4, 3, q, 16 * j);
      }
    }
    for (int i = 0; i < 32; i++) {
      int top = 0;
      for (int b = 0; b < 8; b++) {
        top |= q[32 * b + i] >> 2 << b;
      }
      out[to + i] = (byte) top;
    }
    TwoBits.write(q, out, to + 32);
  }
}
