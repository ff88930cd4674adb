package llmengine.quant;

/**
 * 256 values in 74 bytes (2.3125 bits each): half d, 32 16-bit words with a point of 8 values (low
 * 9 bits) and 7 bits of signs each, 8 bytes with two 4-bit scales for 16 values each. Value = (d
 * (0.5 + scale) / 4) sign point.
 */
public final class IQ2_XS extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq2_xs");

  public IQ2_XS() {
    super("IQ2_XS", 17, 256, 74);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int k = 0; k < 32; k++) {
      int word = in[at + 2 + 2 * k] & 0xff | (in[at + 3 + 2 * k] & 0xff) << 8;
      int nibble = in[at + 66 + k / 4] >> 4 * (k / 2 % 2) & 15;
      float scale = d * (0.5f + nibble) * 0.25f;
      POINTS.write(word & 511, scale, Lattice.evenSigns(word >> 9), out, to + 8 * k);
    }
  }
}
