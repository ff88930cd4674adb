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
 * 32 values in 20 bytes (5 bits each): half scale d, half minimum m, 16 bytes of 4-bit q; byte i
 * holds value i in its low and value 16 + i in its high half. Value = d q + m.
 */
public final class Q4_1 extends ByteBlocks {
  public Q4_1() {
    super("Q4_1", 3, 32, 20);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.Nibbles(20, 0, 2, -1, 4, 0));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    float m = half(in, at + 2);
    for (int i = 0; i < 16; i++) {
      int q = in[at + 4 + i];
      out[to + i] = d * (q & 15) + m;
      out[to + 16 + i] = d * (q >> 4 & 15) + m;
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = address + 20L * b;
      block(at + 4, Window.getHalf(at), Window.getHalf(at + 2), out, to + 32 * b);
    }
  }

  private static void block(long q, float d, float m, float[] out, int to) {
    for (int i = 0; i < 16; i += L) {
      IntVector both = Load.bytes(q + i);
      floats(both.and(15)).mul(d).add(m).intoArray(out, to + i);
      floats(both.lanewise(VectorOperators.LSHR, 4)).mul(d).add(m).intoArray(out, to + 16 + i);
    }
  }
}
