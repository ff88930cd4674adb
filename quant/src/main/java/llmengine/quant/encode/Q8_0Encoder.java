package llmengine.quant.encode;

/** Q8_0: the largest magnitude becomes 127. */
public final class Q8_0Encoder extends BlockwiseEncoder {
  public Q8_0Encoder() {
    super("Q8_0", 32, 34, SCALED_LIMIT, 0);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float amax = 0;
    for (int i = 0; i < 32; i++) {
      amax = Math.max(amax, Math.abs(x[at + i]));
    }
    float d = amax / 127;
    float id = Bits.inverse(d);
    Bits.putHalf(out, to, d);
    for (int i = 0; i < 32; i++) {
      out[to + 2 + i] = (byte) Bits.round(x[at + i] * id);
    }
  }
}
