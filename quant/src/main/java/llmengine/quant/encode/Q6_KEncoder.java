package llmengine.quant.encode;

import static llmengine.quant.encode.Bits.nearest;

import java.util.Arrays;

/** Q6_K: scale of each 16 values searched, then rounded to 8 bits. */
public final class Q6_KEncoder extends BlockwiseEncoder {
  public Q6_KEncoder() {
    super("Q6_K", 256, 210, SCALED_LIMIT, 208);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    int[] q = work.codes;
    Parts.across(x, at, 16, 16, work.across);
    LeastSquaresScale.ofTrials(32, work);
    float extreme = Bits.extreme(work.scales, 0, 16);
    if (Math.abs(extreme) < LeastSquaresScale.NOTHING) {
      Arrays.fill(out, to, to + 210, (byte) 0);
      return;
    }
    float inverse = -128 / extreme;
    Bits.putHalf(out, to + 208, 1 / inverse);
    float d = Bits.half(out, to + 208);
    for (int j = 0; j < 16; j++) {
      byte scale = (byte) Math.min(127, nearest(inverse * work.scales[j]));
      out[to + 192 + j] = scale;
      float step = d * scale;
      if (step != 0) {
        Parts.codes(x, at + 16 * j, 16, step, 0, -32, 31, q, 16 * j);
      } else {
        Parts.searched(x, at + 16 * j, 16, work, j, -32, 31, q, 16 * j);
      }
    }
    for (int part = 0; part < 2; part++) {
      for (int i = 0; i < 32; i++) {
        int a = q[128 * part + i];
        int b = q[128 * part + 32 + i];
        int c = q[128 * part + 64 + i];
        int e = q[128 * part + 96 + i];
        out[to + 64 * part + i] = (byte) (a & 15 | c << 4);
        out[to + 64 * part + 32 + i] = (byte) (b & 15 | e << 4);
        out[to + 128 + 32 * part + i] = (byte) (a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
      }
    }
  }
}
