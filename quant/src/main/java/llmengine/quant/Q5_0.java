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
 * 32 values in 22 bytes (5.5 bits each): half scale d, a 32-bit word h, 16 bytes of low 4 bits;
 * byte i holds value i in its low and value 16 + i in its high half, bit j of h is bit 4 of value
 * j's q. Value = d (q - 16).
 */
public final class Q5_0 extends ByteBlocks {
  public Q5_0() {
    super("Q5_0", 6, 32, 22);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.Nibbles(22, 0, -1, 2, 6, 16));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    int h = word(in, at + 2);
    for (int i = 0; i < 16; i++) {
      int q = in[at + 6 + i];
      out[to + i] = d * ((q & 15 | (h >>> i & 1) << 4) - 16);
      out[to + 16 + i] = d * ((q >> 4 & 15 | (h >>> 16 + i & 1) << 4) - 16);
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = address + 22L * b;
      block(at + 6, Window.getInt(at + 2), Window.getHalf(at), out, to + 32 * b);
    }
  }

  private static void block(long q, int h, float d, float[] out, int to) {
    for (int i = 0; i < 16; i += L) {
      IntVector both = Load.bytes(q + i);
      IntVector low = both.and(15).or(fifthBits(h >>> i));
      IntVector high = both.lanewise(VectorOperators.LSHR, 4).or(fifthBits(h >>> 16 + i));
      floats(low.sub(16)).mul(d).intoArray(out, to + i);
      floats(high.sub(16)).mul(d).intoArray(out, to + 16 + i);
    }
  }
}
