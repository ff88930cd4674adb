package llmengine.quant.encode;

/** Q5_K: as Q4_K, with codes of 5 bits. */
public final class Q5_KEncoder extends BlockwiseEncoder {
  private static final ScaleAndMinimum SEARCH = new ScaleAndMinimum(31, -0.5f, 0.1f, 15, false);

  public Q5_KEncoder() {
    super("Q5_K", 256, 176, SCALED_LIMIT, 0, 2);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    SixBitFields.across(x, at, work);
    SEARCH.search(8, 32, work);
    SixBitFields.write(x, at, out, to, 31, work);
    int[] q = work.codes;
    for (int i = 0; i < 32; i++) {
      int top = 0;
      for (int p = 0; p < 4; p++) {
        int low = q[64 * p + i];
        int high = q[64 * p + 32 + i];
        out[to + 48 + 32 * p + i] = (byte) (low & 15 | high << 4);
        top |= (low >> 4 | high >> 4 << 1) << 2 * p;
      }
      out[to + 16 + i] = (byte) top;
    }
  }
}
