package llmengine.quant;

/**
 * 256 values in 98 bytes (3.0625 bits each): half d, 64 bytes with a point of 4 values each, 8
 * 32-bit words for 32 values each with four times 7 bits of signs for 8 values and, at the top, a
 * 4-bit scale. Value = (d (0.5 + scale) / 2) sign point.
 */
public final class IQ3_XXS extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq3_xxs");

  public IQ3_XXS() {
    super("IQ3_XXS", 18, 256, 98);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int g = 0; g < 8; g++) {
      int word = word(in, at + 66 + 4 * g);
      float scale = d * (0.5f + (word >>> 28)) * 0.5f;
      for (int k = 0; k < 4; k++) {
        int signs = Lattice.evenSigns(word >> 7 * k & 127);
        int p = at + 2 + 8 * g + 2 * k;
        int o = to + 32 * g + 8 * k;
        POINTS.write(in[p] & 0xff, scale, signs, out, o);
        POINTS.write(in[p + 1] & 0xff, scale, signs >> 4, out, o + 4);
      }
    }
  }
}
