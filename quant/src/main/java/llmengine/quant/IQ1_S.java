package llmengine.quant;

/**
 * 256 values in 50 bytes (1.5625 bits each): half d, 32 bytes with the low 8 bits of a point of 8
 * values each, 8 16-bit words for 32 values each with four times the top 3 bits of a point, a 3-bit
 * scale and the sign of delta = 1/8. Value = (d (2 scale + 1)) (point + delta).
 */
public final class IQ1_S extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq1");

  public IQ1_S() {
    super("IQ1_S", 19, 256, 50);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int k = 0; k < 32; k++) {
      int p = at + 34 + k / 4 * 2;
      int word = in[p] & 0xff | in[p + 1] << 8;
      float scale = d * (2 * (word >> 12 & 7) + 1);
      float delta = word < 0 ? -0.125f : 0.125f;
      int point = in[at + 2 + k] & 0xff | (word >> 3 * (k % 4) & 7) << 8;
      POINTS.writeShifted(point, scale, delta, out, to + 8 * k);
    }
  }
}
