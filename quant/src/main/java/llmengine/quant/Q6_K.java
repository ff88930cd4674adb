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
 * 256 values in 210 bytes (6.5625 bits each): 128 bytes of low 4 bits l, 64 bytes of high 2 bits h,
 * 16 signed byte scales for 16 values each, half d. Each half of 128 values has 64 bytes of l and
 * 32 of h; for i < 32 its values i, 32 + i, 64 + i, 96 + i take the low halves of l[i] and l[32 +
 * i], then their high halves, and bits 0-1, 2-3, 4-5, 6-7 of h[i]. Value = (d scale) (q - 32).
 */
public final class Q6_K extends ByteBlocks {
  public Q6_K() {
    super("Q6_K", 14, 256, 210);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.SixBits(210, 0, 128, 192, 208));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at + 208);
    for (int part = 0; part < 2; part++) {
      int l = at + 64 * part;
      int h = at + 128 + 32 * part;
      int s = at + 192 + 8 * part;
      int o = to + 128 * part;
      for (int g = 0; g < 2; g++) {
        float d0 = d * in[s + g];
        float d1 = d * in[s + 2 + g];
        float d2 = d * in[s + 4 + g];
        float d3 = d * in[s + 6 + g];
        for (int i = 16 * g; i < 16 * g + 16; i++) {
          int a = in[l + i];
          int b = in[l + 32 + i];
          int top = in[h + i];
          out[o + i] = d0 * ((a & 15 | (top & 3) << 4) - 32);
          out[o + 32 + i] = d1 * ((b & 15 | (top >> 2 & 3) << 4) - 32);
          out[o + 64 + i] = d2 * ((a >> 4 & 15 | (top >> 4 & 3) << 4) - 32);
          out[o + 96 + i] = d3 * ((b >> 4 & 15 | (top >> 6 & 3) << 4) - 32);
        }
      }
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = address + 210L * b;
      float d = Window.getHalf(at + 208);
      for (int part = 0; part < 2; part++) {
        long scales = Window.getLong(at + 192 + 8 * part);
        half(at + 64 * part, at + 128 + 32 * part, scales, d, out, to + 256 * b + 128 * part);
      }
    }
  }

  /** 128 values, whose eight scales are the bytes of {@code scales}. */
  private static void half(long l, long h, long scales, float d, float[] out, int to) {
    for (int g = 0; g < 4; g++) { // 16 bytes of l each, two of them share their bits of h
      float d0 = d * (byte) (scales >>> 8 * g);
      float d1 = d * (byte) (scales >>> 8 * g + 32);
      groups(l + 16 * g, h + 16 * (g & 1), g & 2, d0, d1, out, to + 16 * g);
    }
  }

  /** Two groups of 16 values: the halves of 16 bytes. A longer body boxes vectors. */
  private static void groups(long l, long h, int bit, float d0, float d1, float[] out, int to) {
    for (int i = 0; i < 16; i += L) {
      IntVector both = Load.bytes(l + i);
      IntVector top = Load.bytes(h + i).lanewise(VectorOperators.LSHL, 4);
      IntVector low = both.and(15).or(top.lanewise(VectorOperators.LSHR, bit).and(48));
      top = top.lanewise(VectorOperators.LSHR, bit + 4).and(48);
      IntVector high = both.lanewise(VectorOperators.LSHR, 4).or(top);
      floats(low.sub(32)).mul(d0).intoArray(out, to + i);
      floats(high.sub(32)).mul(d1).intoArray(out, to + 64 + i);
    }
  }
}
