package llmengine.quant.encode;

/** IQ4_NL: scale of 32 values searched. */
public final class IQ4_NLEncoder extends BlockwiseEncoder {
  public IQ4_NLEncoder() {
    super("IQ4_NL", 32, 18, SCALED_LIMIT, 0);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float d = NonLinearCodes.scale(x, at, work);
    Bits.putHalf(out, to, d);
    NonLinearCodes.write(x, at, Bits.inverse(d), out, to + 2, work);
  }
}
