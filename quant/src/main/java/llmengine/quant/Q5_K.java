package llmengine.quant;

import static llmengine.engine.cpu.Lanes.L;
import static llmengine.quant.Codes.floats;

import java.util.Optional;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.CodeLayout;
import llmengine.engine.cpu.Load;
import llmengine.engine.cpu.Window;

/**
 * 256 values in 176 bytes (5.5 bits each): half d, half dmin, 12 bytes of {@link SixBitScales} for
 * 8 groups of 32 values, 32 bytes h, 128 bytes of low 4 bits as in {@link Q4_K}; bit g of h[i] is
 * bit 4 of value i of group g. Value = (d scale) q - dmin minimum.
 */
public final class Q5_K extends ByteBlocks {
  public Q5_K() {
    super("Q5_K", 13, 256, 176);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.SuperNibbles(176, 0, 2, 4, 16, 48));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    float dmin = half(in, at + 2);
    int h = at + 16;
    for (int p = 0; p < 4; p++) {
      float d0 = d * SixBitScales.scale(in, at + 4, 2 * p);
      float m0 = dmin * SixBitScales.minimum(in, at + 4, 2 * p);
      float d1 = d * SixBitScales.scale(in, at + 4, 2 * p + 1);
      float m1 = dmin * SixBitScales.minimum(in, at + 4, 2 * p + 1);
      int q = at + 48 + 32 * p;
      int o = to + 64 * p;
      for (int i = 0; i < 32; i++) {
        out[o + i] = d0 * (in[q + i] & 15 | (in[h + i] >> 2 * p & 1) << 4) - m0;
      }
      for (int i = 0; i < 32; i++) {
        out[o + 32 + i] = d1 * (in[q + i] >> 4 & 15 | (in[h + i] >> 2 * p + 1 & 1) << 4) - m1;
      }
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      block(address + 176L * b, out, to + 256 * b);
    }
  }

  private static void block(long at, float[] out, int to) {
    float d = Window.getHalf(at);
    float dmin = Window.getHalf(at + 2);
    long scales = SixBitScales.scales(at + 4);
    long minimums = SixBitScales.minimums(at + 4);
    for (int p = 0; p < 4; p++) {
      float d0 = d * ((int) (scales >>> 16 * p) & 63);
      float m0 = dmin * ((int) (minimums >>> 16 * p) & 63);
      float d1 = d * ((int) (scales >>> 16 * p + 8) & 63);
      float m1 = dmin * ((int) (minimums >>> 16 * p + 8) & 63);
      groups(at + 48 + 32 * p, at + 16, 2 * p, d0, m0, d1, m1, out, to + 64 * p);
    }
  }

  private static void groups(
      long q, long h, int bit, float d0, float m0, float d1, float m1, float[] out, int to) {
    for (int i = 0; i < 32; i += L) {
      IntVector both = Load.bytes(q + i);
      IntVector top = Load.bytes(h + i).lanewise(VectorOperators.LSHL, 4);
      IntVector low = both.and(15).or(top.lanewise(VectorOperators.LSHR, bit).and(16));
      top = top.lanewise(VectorOperators.LSHR, bit + 1).and(16);
      IntVector high = both.lanewise(VectorOperators.LSHR, 4).or(top);
      floats(low).mul(d0).sub(m0).intoArray(out, to + i);
      floats(high).mul(d1).sub(m1).intoArray(out, to + 32 + i);
    }
  }
}
