package llmengine.quant.encode;

/** Q4_1: the smallest value becomes 0, the largest 15. */
public final class Q4_1Encoder extends BlockwiseEncoder {
  public Q4_1Encoder() {
    super("Q4_1", 32, 20, SCALED_LIMIT, 0, 2);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float min = x[at];
    float max = x[at];
    for (int i = 1; i < 32; i++) {
      float v = x[at + i];
      min = v < min ? v : min;
      max = v > max ? v : max;
    }
    float d = (max - min) / 15;
    float id = Bits.inverse(d);
    Bits.putHalf(out, to, d);
    Bits.putHalf(out, to + 2, min);
    for (int i = 0; i < 16; i++) {
      int low = Bits.clamp((int) ((x[at + i] - min) * id + 0.5f), 0, 15);
      int high = Bits.clamp((int) ((x[at + 16 + i] - min) * id + 0.5f), 0, 15);
      out[to + 4 + i] = (byte) (low | high << 4);
    }
  }
}
