package llmengine.quant.encode;

/** Q4_0: the value of largest magnitude becomes -8. */
public final class Q4_0Encoder extends BlockwiseEncoder {
  public Q4_0Encoder() {
    super("Q4_0", 32, 18, SCALED_LIMIT, 0);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float d = Bits.extreme(x, at, 32) / -8;
    float id = Bits.inverse(d);
    Bits.putHalf(out, to, d);
    for (int i = 0; i < 16; i++) {
      int low = code(x[at + i] * id);
      int high = code(x[at + 16 + i] * id);
      out[to + 2 + i] = (byte) (low | high << 4);
    }
  }

  private static int code(float x) {
    return Bits.clamp((int) (x + 8.5f), 0, 15);
  }
}
