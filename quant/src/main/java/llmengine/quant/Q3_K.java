package llmengine.quant;

/**
 * 256 values in 110 bytes (3.4375 bits each): 32 bytes of top bits h, 64 bytes of low 2 bits l, 12
 * bytes of 6-bit scales for 16 values each, half d. Bit k of h[i] belongs to value 32 k + i; l is
 * laid out as q of {@link Q2_K}; the low 4 bits of scale j are a half of byte j % 8 (low for j <
 * 8), its top 2 bits are bits 2 (j / 4), 2 (j / 4) + 1 of byte 8 + j % 4. Value = (d (scale - 32))
 * (q - 4).
 */
public final class Q3_K extends ByteBlocks {
  public Q3_K() {
    super("Q3_K", 11, 256, 110);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at + 108);
    int s = at + 96;
    for (int g = 0; g < 16; g++) {
      int low = in[s + g % 8] >> 4 * (g / 8) & 15;
      int high = in[s + 8 + g % 4] >> 2 * (g / 4) & 3;
      float scale = d * ((low | high << 4) - 32);
      int h = at + 16 * (g % 2);
      int q = at + 32 + 32 * (g / 8) + 16 * (g % 2);
      int shift = 2 * (g / 2 % 4);
      for (int i = 0; i < 16; i++) {
        int code = in[q + i] >> shift & 3 | (in[h + i] >> g / 2 & 1) << 2;
        out[to + 16 * g + i] = scale * (code - 4);
      }
    }
  }
}
