package llmengine.quant;

import static llmengine.engine.cpu.Lanes.L;
import static llmengine.quant.Codes.fifthBits;
import static llmengine.quant.Codes.floats;

import java.util.Optional;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.CodeLayout;
import llmengine.engine.cpu.Load;
import llmengine.engine.cpu.Window;

/**
 * 32 values in 24 bytes (6 bits each): half scale d, half minimum m, a 32-bit word h, 16 bytes of
 * low 4 bits; byte i holds value i in its low and value 16 + i in its high half, bit j of h is bit
 * 4 of value j's q. Value = d q + m.
 */
public final class Q5_1 extends ByteBlocks {
  public Q5_1() {
    super("Q5_1", 7, 32, 24);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.Nibbles(24, 0, 2, 4, 8, 0));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    float m = half(in, at + 2);
    int h = word(in, at + 4);
    for (int i = 0; i < 16; i++) {
      int q = in[at + 8 + i];
      out[to + i] = d * (q & 15 | (h >>> i & 1) << 4) + m;
      out[to + 16 + i] = d * (q >> 4 & 15 | (h >>> 16 + i & 1) << 4) + m;
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = address + 24L * b;
      int h = Window.getInt(at + 4);
      block(at + 8, h, Window.getHalf(at), Window.getHalf(at + 2), out, to + 32 * b);
    }
  }

  private static void block(long q, int h, float d, float m, float[] out, int to) {
    for (int i = 0; i < 16; i += L) {
      IntVector both = Load.bytes(q + i);
      IntVector low = both.and(15).or(fifthBits(h >>> i));
      IntVector high = both.lanewise(VectorOperators.LSHR, 4).or(fifthBits(h >>> 16 + i));
      floats(low).mul(d).add(m).intoArray(out, to + i);
      floats(high).mul(d).add(m).intoArray(out, to + 16 + i);
    }
  }
}
