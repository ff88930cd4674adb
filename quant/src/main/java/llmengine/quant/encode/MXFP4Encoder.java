package llmengine.quant.encode;

import llmengine.quant.MicroFloats;

/** MXFP4: the scale is two binades below the largest magnitude (4 has exponent 2, OCP MX 1.0). */
public final class MXFP4Encoder extends BlockwiseEncoder {
  private static final double LN2 = Math.log(2);

  public MXFP4Encoder() {
    super("MXFP4", 32, 17, Float.POSITIVE_INFINITY);
  }

  @Override
  void encodeBlock(float[] x, int at, byte[] out, int to, Work work) {
    float amax = Math.abs(Bits.extreme(x, at, 32));
    int e = 0;
    if (amax > 0) {
      // rounded to float before the floor, as ggml's log2f is: just below a power of two gives it
      e = Math.max(0, (int) Math.floor((float) (Math.log(amax) / LN2)) - 2 + 127);
    }
    out[to] = (byte) e;
    FourBitFloats.write(x, at, MicroFloats.halfE8m0(e), out, to + 1, work);
  }
}
