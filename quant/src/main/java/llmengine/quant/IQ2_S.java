package llmengine.quant;

/**
 * 256 values in 82 bytes (2.5625 bits each): half d, 32 bytes with the low 8 bits of a point of 8
 * values each, 32 bytes of signs, 8 bytes with the top 2 bits of four points, 8 bytes with two
 * 4-bit scales for 16 values each. Value = (d (0.5 + scale) / 4) sign point.
 */
public final class IQ2_S extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq2_s");

  public IQ2_S() {
    super("IQ2_S", 22, 256, 82);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int k = 0; k < 32; k++) {
      int top = in[at + 66 + k / 4] >> 2 * (k % 4) & 3;
      int nibble = in[at + 74 + k / 4] >> 4 * (k / 2 % 2) & 15;
      float scale = d * (0.5f + nibble) * 0.25f;
      POINTS.write(in[at + 2 + k] & 0xff | top << 8, scale, in[at + 34 + k], out, to + 8 * k);
    }
  }
}
