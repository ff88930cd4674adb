package llmengine.quant;

/**
 * 32 values in 18 bytes (4.5 bits each): half scale d, 16 bytes of 4-bit q; byte i holds value i in
 * its low and value 16 + i in its high half. Value = d (q - 8).
 */
public final class Q4_0 extends ByteBlocks {
  public Q4_0() {
    super("Q4_0", 2, 32, 18);
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
}
