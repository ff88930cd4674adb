package llmengine.quant;

/** 32 values in 34 bytes (8.5 bits each): half scale d, 32 signed bytes q. Value = d q. */
public final class Q8_0 extends ByteBlocks {
  public Q8_0() {
    super("Q8_0", 8, 32, 34);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int i = 0; i < 32; i++) {
      out[to + i] = d * in[at + 2 + i];
    }
  }
}
