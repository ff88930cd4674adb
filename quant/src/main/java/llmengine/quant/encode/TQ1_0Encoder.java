package llmengine.quant.encode;

/** TQ1_0: the largest magnitude becomes the scale; five base 3 digits share a byte. */
public final class TQ1_0Encoder extends BlockwiseEncoder {
  public TQ1_0Encoder() {
    super("TQ1_0", 256, 54, SCALED_LIMIT, 52);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    Bits.putHalf(out, to + 52, TernaryCodes.write(x, at, work.codes));
    digits(work.codes, 0, 32, 5, out, to);
    digits(work.codes, 160, 16, 5, out, to + 32);
    digits(work.codes, 240, 4, 4, out, to + 48);
  }

  /**
   * Packs the codes i, i + n, i + 2 n ... into byte i: as a fraction of 243 in 256ths, rounded up,
   * so that multiplying by 3 brings the digits out at the top, first code first.
   */
  private static void digits(int[] codes, int from, int n, int count, byte[] out, int to) {
    for (int i = 0; i < n; i++) {
      int number = 0;
      for (int k = 0; k < 5; k++) {
        number = 3 * number + (k < count ? codes[from + i + k * n] : 0);
      }
      out[to + i] = (byte) ((number * 256 + 242) / 243);
    }
  }
}
