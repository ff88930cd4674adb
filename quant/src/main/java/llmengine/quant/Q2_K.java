package llmengine.quant;

/**
 * 256 values in 84 bytes (2.625 bits each): 16 bytes with a 4-bit scale (low) and minimum (high)
 * for 16 values each, 64 bytes of 2-bit q, half d, half dmin. Each half of 128 values has 32 bytes
 * of q: value 32 k + i is bits 2 k, 2 k + 1 of byte i. Value = (d scale) q - dmin minimum.
 */
public final class Q2_K extends ByteBlocks {
  public Q2_K() {
    super("Q2_K", 10, 256, 84);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at + 80);
    float dmin = half(in, at + 82);
    for (int g = 0; g < 16; g++) {
      int fields = in[at + g];
      float scale = d * (fields & 15);
      float min = dmin * (fields >> 4 & 15);
      int q = at + 16 + 32 * (g / 8) + 16 * (g % 2);
      int shift = 2 * (g / 2 % 4);
      for (int i = 0; i < 16; i++) {
        out[to + 16 * g + i] = scale * (in[q + i] >> shift & 3) - min;
      }
    }
  }
}
