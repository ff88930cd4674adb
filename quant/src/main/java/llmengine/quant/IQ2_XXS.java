package llmengine.quant;

/**
 * 256 values in 66 bytes (2.0625 bits each): half d, then 8 bytes for each 32 values: four bytes
 * with a point of 8 values each, then a 32-bit word with four times 7 bits of signs and, at the
 * top, a 4-bit scale. Value = (d (0.5 + scale) / 4) sign point.
 */
public final class IQ2_XXS extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq2_xxs");

  public IQ2_XXS() {
    super("IQ2_XXS", 16, 256, 66);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int g = 0; g < 8; g++) {
      int p = at + 2 + 8 * g;
      int word = word(in, p + 4);
      float scale = d * (0.5f + (word >>> 28)) * 0.25f;
      for (int k = 0; k < 4; k++) {
        int signs = Lattice.evenSigns(word >> 7 * k & 127);
        POINTS.write(in[p + k] & 0xff, scale, signs, out, to + 32 * g + 8 * k);
      }
    }
  }
}
