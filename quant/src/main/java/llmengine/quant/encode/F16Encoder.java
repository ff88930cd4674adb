package llmengine.quant.encode;

import java.util.Objects;

/** IEEE binary16, rounded to nearest even. */
public final class F16Encoder implements BlockEncoder {
  /** From here on values round to infinity: half an ulp above the largest half, 65504. */
  private static final float LIMIT = 65520;

  @Override
  public String name() {
    return "F16";
  }

  @Override
  public void encode(float[] src, int at, byte[] dst, int to, int blocks) {
    Objects.checkFromIndexSize(at, blocks, src.length);
    Objects.checkFromIndexSize(to, Math.multiplyExact(blocks, 2), dst.length);
    Finite.check(name(), src, at, blocks, LIMIT);
    for (int i = 0; i < blocks; i++) {
      Bits.putHalf(dst, to + 2 * i, src[at + i]);
    }
  }
}
