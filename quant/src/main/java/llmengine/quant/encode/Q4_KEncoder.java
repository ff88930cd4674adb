package llmengine.quant.encode;

/** Q4_K: scale and minimum of each 32 values searched, then rounded to 6 bits. */
public final class Q4_KEncoder extends BlockwiseEncoder {
  private static final ScaleAndMinimum SEARCH = new ScaleAndMinimum(15, -1, 0.1f, 20, false);

  public Q4_KEncoder() {
    super("Q4_K", 256, 144, SCALED_LIMIT, 0, 2);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    SixBitFields.across(x, at, work);
    SEARCH.search(8, 32, work);
    SixBitFields.write(x, at, out, to, 15, work);
    int[] q = work.codes;
    for (int p = 0; p < 4; p++) {
      for (int i = 0; i < 32; i++) {
        out[to + 16 + 32 * p + i] = (byte) (q[64 * p + i] | q[64 * p + 32 + i] << 4);
      }
    }
  }
}
