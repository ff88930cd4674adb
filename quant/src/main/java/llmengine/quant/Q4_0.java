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
 * 32 values in 18 bytes (4.5 bits each): half scale d, 16 bytes of 4-bit q; byte i holds value i in
 * its low and value 16 + i in its high half. Value = d (q - 8).
 */
public final class Q4_0 extends ByteBlocks {
  public Q4_0() {
    super("Q4_0", 2, 32, 18);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.Nibbles(18, 0, -1, -1, 2, 8));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int i = 0; i < 16; i++) {
      int q = in[at + 2 + i];
      out[to + i] = d * ((q & 15) - 8);
      out[to + 16 + i] = d * ((q >> 4 & 15) - 8);
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = address + 18L * b;
      block(at + 2, Window.getHalf(at), out, to + 32 * b);
    }
  }

  private static void block(long q, float d, float[] out, int to) {
    for (int i = 0; i < 16; i += L) {
      IntVector both = Load.bytes(q + i);
      floats(both.and(15).sub(8)).mul(d).intoArray(out, to + i);
      floats(both.lanewise(VectorOperators.LSHR, 4).sub(8)).mul(d).intoArray(out, to + 16 + i);
    }
  }
}
