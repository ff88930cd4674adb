package llmengine.quant;

/**
 * 256 values in 176 bytes (5.5 bits each): half d, half dmin, 12 bytes of {@link SixBitScales} for
 * 8 groups of 32 values, 32 bytes h, 128 bytes of low 4 bits as in {@link Q4_K}; bit g of h[i] is
 * bit 4 of value i of group g. Value = (d scale) q - dmin minimum.
 */
public final class Q5_K extends ByteBlocks {
  public Q5_K() {
    super("Q5_K", 13, 256, 176);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    float dmin = half(in, at + 2);
    int h = at + 16;
    for (int p = 0; p < 4; p++) {
      float d0 = d * SixBitScales.scale(in, at + 4, 2 * p);
      float m0 = dmin * SixBitScales.minimum(in, at + 4, 2 * p);
      float d1 = d * SixBitScales.scale(in, at + 4, 2 * p + 1);
      float m1 = dmin * SixBitScales.minimum(in, at + 4, 2 * p + 1);
      int q = at + 48 + 32 * p;
      int o = to + 64 * p;
      for (int i = 0; i < 32; i++) {
        out[o + i] = d0 * (in[q + i] & 15 | (in[h + i] >> 2 * p & 1) << 4) - m0;
      }
      for (int i = 0; i < 32; i++) {
        out[o + 32 + i] = d1 * (in[q + i] >> 4 & 15 | (in[h + i] >> 2 * p + 1 & 1) << 4) - m1;
      }
    }
  }
}
