// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Tile products in 128-bit vectors: 4 rows by 8 columns, eight accumulators as with 256 bits. Here
 * A is packed by columns: the element of row i and depth k is at a[ao + k * LD + i].
 */
final class MicroKernel128T {
  static final int NR = 8;
  private static final int LD = MicroKernel.LD;
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_128;

  private MicroKernel128T() {}

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
      FloatVector b1 = FloatVector.fromArray(S, b, bo + k * NR + 4);
      FloatVector v = FloatVector.broadcast(S, a[ao + k * LD]);
      c0a = v.fma(b0, c0a);
      c0b = v.fma(b1, c0b);
      v = FloatVector.broadcast(S, a[ao + k * LD + 1]);
      c1a = v.fma(b0, c1a);
      c1b = v.fma(b1, c1b);
      v = FloatVector.broadcast(S, a[ao + k * LD + 2]);
      c2a = v.fma(b0, c2a);
      c2b = v.fma(b1, c2b);
      v = FloatVector.broadcast(S, a[ao + k * LD + 3]);
      c3a = v.fma(b0, c3a);
      c3b = v.fma(b1, c3b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + 4);
    c1a.intoArray(c, co + cs);
    c1b.intoArray(c, co + cs + 4);
    c2a.intoArray(c, co + 2 * cs);
    c2b.intoArray(c, co + 2 * cs + 4);
    c3a.intoArray(c, co + 3 * cs);
    c3b.intoArray(c, co + 3 * cs + 4);
  }
}
