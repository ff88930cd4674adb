package llmengine.quant.encode;

/** Q5_0: the value of largest magnitude becomes -16. */
public final class Q5_0Encoder extends BlockwiseEncoder {
  public Q5_0Encoder() {
    super("Q5_0", 32, 22, SCALED_LIMIT, 0);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float d = Bits.extreme(x, at, 32) / -16;
    float id = Bits.inverse(d);
    Bits.putHalf(out, to, d);
    int top = 0;
    for (int i = 0; i < 16; i++) {
      int low = code(x[at + i] * id);
      int high = code(x[at + 16 + i] * id);
      out[to + 6 + i] = (byte) (low & 15 | high << 4);
      top |= low >> 4 << i | high >> 4 << 16 + i;
    }
    Bits.putWord(out, to + 2, top);
  }

  private static int code(float x) {
    return Bits.clamp((int) (x + 16.5f), 0, 31);
  }
}
