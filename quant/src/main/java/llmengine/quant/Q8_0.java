package llmengine.quant;

import static llmengine.engine.cpu.Lanes.L;
import static llmengine.quant.Codes.floats;

import java.util.Optional;
import llmengine.engine.CodeLayout;
import llmengine.engine.cpu.Load;
import llmengine.engine.cpu.Window;

/** 32 values in 34 bytes (8.5 bits each): half scale d, 32 signed bytes q. Value = d q. */
public final class Q8_0 extends ByteBlocks {
  public Q8_0() {
    super("Q8_0", 8, 32, 34);
  }

  @Override
  public Optional<CodeLayout> layout() {
    return Optional.of(new CodeLayout.Bytes(34, 0, 2));
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int i = 0; i < 32; i++) {
      out[to + i] = d * in[at + 2 + i];
    }
  }

  @Override
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = address + 34L * b;
      block(at + 2, Window.getHalf(at), out, to + 32 * b);
    }
  }

  private static void block(long q, float d, float[] out, int to) {
    for (int i = 0; i < 32; i += L) {
      floats(Load.signedBytes(q + i)).mul(d).intoArray(out, to + i);
    }
  }
}
