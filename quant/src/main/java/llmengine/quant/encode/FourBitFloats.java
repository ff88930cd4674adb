package llmengine.quant.encode;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import llmengine.quant.MicroFloats;

/** Codes of MXFP4: four bit floats with 2 bits of exponent. */
final class FourBitFloats {
  private static final int[] DOUBLED = MicroFloats.doubledE2m1();

  private FourBitFloats() {}

  /**
   * Writes 32 codes in 16 bytes, values i and 16 + i share a byte: the code whose value times d is
   * nearest, the first of several.
   */
  static void write(float[] x, int at, float d, byte[] out, int to, Work work) {
    int[] codes = work.codes;
    for (int i = 0; i < 32; i += Parts.LANES) {
      FloatVector v = Parts.load(x, at + i);
      IntVector code = IntVector.zero(Parts.INTS);
      FloatVector best = v.abs();
      for (int c = 1; c < 16; c++) {
        FloatVector error = Parts.fill(DOUBLED[c] * d).sub(v).abs();
        VectorMask<Float> better = error.lt(best);
        best = best.blend(error, better);
        code = code.blend(c, better.cast(Parts.INTS));
      }
      code.intoArray(codes, i);
    }
    for (int i = 0; i < 16; i++) {
      out[to + i] = (byte) (codes[i] | codes[16 + i] << 4);
    }
  }
}
