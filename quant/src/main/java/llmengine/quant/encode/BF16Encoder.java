package llmengine.quant.encode;

import java.util.Objects;

/** bfloat16, the upper half of a binary32, rounded to nearest even. */
public final class BF16Encoder implements BlockEncoder {
  /** From here on values round to infinity: half an ulp above the largest bfloat16. */
  private static final float LIMIT = Float.intBitsToFloat(0x7f7f8000);

  @Override
  public String name() {
    return "BF16";
  }

  @Override
  public void encode(float[] src, int at, byte[] dst, int to, int blocks) {
    Objects.checkFromIndexSize(at, blocks, src.length);
    Objects.checkFromIndexSize(to, Math.multiplyExact(blocks, 2), dst.length);
    Finite.check(name(), src, at, blocks, LIMIT);
    for (int i = 0; i < blocks; i++) {
      int bits = Float.floatToRawIntBits(src[at + i]);
      bits += 0x7fff + (bits >>> 16 & 1);
      dst[to + 2 * i] = (byte) (bits >> 16);
      dst[to + 2 * i + 1] = (byte) (bits >> 24);
    }
  }
}
