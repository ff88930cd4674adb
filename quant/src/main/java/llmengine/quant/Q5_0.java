package llmengine.quant;

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
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    int h = word(in, at + 2);
    for (int i = 0; i < 16; i++) {
      int q = in[at + 6 + i];
      out[to + i] = d * ((q & 15 | (h >>> i & 1) << 4) - 16);
      out[to + 16 + i] = d * ((q >> 4 & 15 | (h >>> 16 + i & 1) << 4) - 16);
    }
  }
}
