package llmengine.quant;

/**
 * 256 values in 110 bytes (3.4375 bits each): half d, 64 bytes with the low 8 bits of a point of 4
 * values each, 8 bytes with the top bits of 8 points each, 32 bytes of signs, 4 bytes with two
 * 4-bit scales for 32 values each. Value = (d (1 + 2 scale)) sign point.
 */
public final class IQ3_S extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq3_s");

  public IQ3_S() {
    super("IQ3_S", 21, 256, 110);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int k = 0; k < 64; k++) {
      int top = in[at + 66 + k / 8] >> k % 8 & 1;
      int signs = in[at + 74 + k / 2] >> 4 * (k % 2);
      int nibble = in[at + 106 + k / 16] >> 4 * (k / 8 % 2) & 15;
      float scale = d * (1 + 2 * nibble);
      POINTS.write(in[at + 2 + k] & 0xff | top << 8, scale, signs, out, to + 4 * k);
    }
  }
}
