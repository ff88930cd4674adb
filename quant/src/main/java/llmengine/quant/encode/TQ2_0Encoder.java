package llmengine.quant.encode;

/** TQ2_0: the largest magnitude becomes the scale. */
public final class TQ2_0Encoder extends BlockwiseEncoder {
  public TQ2_0Encoder() {
    super("TQ2_0", 256, 66, SCALED_LIMIT, 64);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    Bits.putHalf(out, to + 64, TernaryCodes.write(x, at, work.codes));
    TwoBits.write(work.codes, out, to);
  }
}
