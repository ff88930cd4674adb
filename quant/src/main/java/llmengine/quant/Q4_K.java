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
 * 256 values in 144 bytes (4.5 bits each): half d, half dmin, 12 bytes of {@link SixBitScales} for
 * 8 groups of 32 values, 128 bytes of 4-bit q; bytes 32 p ... 32 p + 31 hold group 2 p in their low
 * and group 2 p + 1 in their high halves. Value = (d scale) q - dmin minimum.
 */
public final class Q4_K extends ByteBlocks {
  public Q4_K() {
    super("Q4_K", 12, 256, 144);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.SuperNibbles(144, 0, 2, 4, -1, 16));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    float dmin = half(in, at + 2);
    for (int p = 0; p < 4; p++) {
      float d0 = d * SixBitScales.scale(in, at + 4, 2 * p);
      float m0 = dmin * SixBitScales.minimum(in, at + 4, 2 * p);
      float d1 = d * SixBitScales.scale(in, at + 4, 2 * p + 1);
      float m1 = dmin * SixBitScales.minimum(in, at + 4, 2 * p + 1);
      int q = at + 16 + 32 * p;
      int o = to + 64 * p;
      for (int i = 0; i < 32; i++) {
        out[o + i] = d0 * (in[q + i] & 15) - m0;
      }
      for (int i = 0; i < 32; i++) {
        out[o + 32 + i] = d1 * (in[q + i] >> 4 & 15) - m1;
      }
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      block(address + 144L * b, out, to + 256 * b);
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
      groups(at + 16 + 32 * p, d0, m0, d1, m1, out, to + 64 * p);
    }
  }

  private static void groups(long q, float d0, float m0, float d1, float m1, float[] out, int to) {
    for (int i = 0; i < 32; i += L) {
      IntVector both = Load.bytes(q + i);
      floats(both.and(15)).mul(d0).sub(m0).intoArray(out, to + i);
      floats(both.lanewise(VectorOperators.LSHR, 4)).mul(d1).sub(m1).intoArray(out, to + 32 + i);
    }
  }
}
