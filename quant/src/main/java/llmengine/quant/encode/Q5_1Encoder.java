package llmengine.quant.encode;

/** Q5_1: the smallest value becomes 0, the largest 31. */
public final class Q5_1Encoder extends BlockwiseEncoder {
  public Q5_1Encoder() {
    super("Q5_1", 32, 24, SCALED_LIMIT, 0, 2);
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
    float d = (max - min) / 31;
    float id = Bits.inverse(d);
    Bits.putHalf(out, to, d);
    Bits.putHalf(out, to + 2, min);
    int top = 0;
    for (int i = 0; i < 16; i++) {
      int low = Bits.clamp((int) ((x[at + i] - min) * id + 0.5f), 0, 31);
      int high = Bits.clamp((int) ((x[at + 16 + i] - min) * id + 0.5f), 0, 31);
      out[to + 8 + i] = (byte) (low & 15 | high << 4);
      top |= low >> 4 << i | high >> 4 << 16 + i;
    }
    Bits.putWord(out, to + 4, top);
  }
}
