package llmengine.quant;

/**
 * 256 values in 56 bytes (1.75 bits each): 32 bytes with the low 8 bits of a point of 8 values
 * each, 16 bytes with two times the top 3 bits of a point and the sign of delta = 1/8, four 16-bit
 * words with four 3-bit scales for 16 values each and, at the top, 4 bits of half d (word 0: the
 * lowest). Value = (d (2 scale + 1)) (point + delta).
 */
public final class IQ1_M extends ByteBlocks {
  private static final Lattice POINTS = Lattice.named("iq1");

  public IQ1_M() {
    super("IQ1_M", 29, 256, 56);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    int bits = 0;
    for (int w = 0; w < 4; w++) {
      bits |= (in[at + 49 + 2 * w] >> 4 & 15) << 4 * w;
    }
    float d = Float.float16ToFloat((short) bits);
    for (int k = 0; k < 32; k++) {
      int p = at + 48 + k / 8 * 2;
      int word = in[p] & 0xff | (in[p + 1] & 0xff) << 8;
      float scale = d * (2 * (word >> 3 * (k / 2 % 4) & 7) + 1);
      int top = in[at + 32 + k / 2] >> 4 * (k % 2);
      float delta = (top & 8) != 0 ? -0.125f : 0.125f;
      int point = in[at + k] & 0xff | (top & 7) << 8;
      POINTS.writeShifted(point, scale, delta, out, to + 8 * k);
    }
  }
}
