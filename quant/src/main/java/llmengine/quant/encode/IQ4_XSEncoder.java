package llmengine.quant.encode;

import static llmengine.quant.encode.Bits.nearest;

import java.util.Arrays;

/** IQ4_XS: scale of each 32 values searched, then rounded to 6 bits. */
public final class IQ4_XSEncoder extends BlockwiseEncoder {
  public IQ4_XSEncoder() {
    super("IQ4_XS", 256, 136, SCALED_LIMIT, 0);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    for (int j = 0; j < 8; j++) {
      work.scales[j] = NonLinearCodes.scale(x, at + 32 * j, work);
    }
    float d = -Bits.extreme(work.scales, 0, 8) / 32;
    float inverse = Bits.inverse(d);
    Bits.putHalf(out, to, d);
    Arrays.fill(out, to + 2, to + 8, (byte) 0);
    for (int j = 0; j < 8; j++) {
      int scale = Bits.clamp(nearest(inverse * work.scales[j]), -32, 31);
      NonLinearCodes.write(x, at + 32 * j, Bits.inverse(d * scale), out, to + 8 + 16 * j, work);
      scale += 32;
      out[to + 4 + j / 2] |= (byte) ((scale & 15) << 4 * (j % 2));
      out[to + 2 + j / 4] |= (byte) (scale >> 4 << 2 * (j % 4));
    }
  }
}
