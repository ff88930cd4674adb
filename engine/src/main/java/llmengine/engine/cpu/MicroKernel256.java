// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Tile products in 256-bit vectors: 4 rows by 16 columns. C2 keeps the eight accumulators in AVX2's
 * sixteen registers; with 5 or 6 rows it spills one and halves the speed.
 */
final class MicroKernel256 {
  static final int NR = 16;
  private static final int LD = MicroKernel.LD;
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_256;

  private MicroKernel256() {}

  static void tile(
      int rows, float[] a, int ao, float[] b, int bo, int depth, float[] c, int co, int cs) {
    rows4(a, ao, b, bo, depth, c, co, cs);
  }

  private static void rows4(
      float[] a, int ao, float[] b, int bo, int depth, float[] c, int co, int cs) {
    FloatVector zero = FloatVector.zero(S);
    FloatVector c0a = zero, c0b = zero;
    FloatVector c1a = zero, c1b = zero;
    FloatVector c2a = zero, c2b = zero;
    FloatVector c3a = zero, c3b = zero;
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = FloatVector.fromArray(S, b, bo + k * NR);
      FloatVector b1 = FloatVector.fromArray(S, b, bo + k * NR + 8);
      FloatVector v = FloatVector.broadcast(S, a[ao + k]);
      c0a = v.fma(b0, c0a);
      c0b = v.fma(b1, c0b);
      v = FloatVector.broadcast(S, a[ao + LD + k]);
      c1a = v.fma(b0, c1a);
      c1b = v.fma(b1, c1b);
      v = FloatVector.broadcast(S, a[ao + 2 * LD + k]);
      c2a = v.fma(b0, c2a);
      c2b = v.fma(b1, c2b);
      v = FloatVector.broadcast(S, a[ao + 3 * LD + k]);
      c3a = v.fma(b0, c3a);
      c3b = v.fma(b1, c3b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + 8);
    c1a.intoArray(c, co + cs);
    c1b.intoArray(c, co + cs + 8);
    c2a.intoArray(c, co + 2 * cs);
    c2b.intoArray(c, co + 2 * cs + 8);
    c3a.intoArray(c, co + 3 * cs);
    c3b.intoArray(c, co + 3 * cs + 8);
  }
}
