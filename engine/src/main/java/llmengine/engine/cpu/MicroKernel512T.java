// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Tile products in 512-bit vectors: 8 or 4 rows by 32 columns. Twelve rows would fit the registers
 * too, but gave 196-204 GF/s where eight gave 202-212 (Emerald Rapids, peak 207). Here A is packed
 * by columns: the element of row i and depth k is at a[ao + k * LD + i].
 */
final class MicroKernel512T {
  static final int NR = 32;
  private static final int LD = MicroKernel.LD;
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_512;

  private MicroKernel512T() {}

  static void tile(
      int rows, float[] a, int ao, float[] b, int bo, int depth, float[] c, int co, int cs) {
    switch (rows) {
      case 8 -> rows8(a, ao, b, bo, depth, c, co, cs);
      default -> rows4(a, ao, b, bo, depth, c, co, cs);
    }
  }

  private static void rows8(
      float[] a, int ao, float[] b, int bo, int depth, float[] c, int co, int cs) {
    FloatVector zero = FloatVector.zero(S);
    FloatVector c0a = zero, c0b = zero;
    FloatVector c1a = zero, c1b = zero;
    FloatVector c2a = zero, c2b = zero;
    FloatVector c3a = zero, c3b = zero;
    FloatVector c4a = zero, c4b = zero;
    FloatVector c5a = zero, c5b = zero;
    FloatVector c6a = zero, c6b = zero;
    FloatVector c7a = zero, c7b = zero;
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = FloatVector.fromArray(S, b, bo + k * NR);
      FloatVector b1 = FloatVector.fromArray(S, b, bo + k * NR + 16);
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
      v = FloatVector.broadcast(S, a[ao + k * LD + 4]);
      c4a = v.fma(b0, c4a);
      c4b = v.fma(b1, c4b);
      v = FloatVector.broadcast(S, a[ao + k * LD + 5]);
      c5a = v.fma(b0, c5a);
      c5b = v.fma(b1, c5b);
      v = FloatVector.broadcast(S, a[ao + k * LD + 6]);
      c6a = v.fma(b0, c6a);
      c6b = v.fma(b1, c6b);
      v = FloatVector.broadcast(S, a[ao + k * LD + 7]);
      c7a = v.fma(b0, c7a);
      c7b = v.fma(b1, c7b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + 16);
    c1a.intoArray(c, co + cs);
    c1b.intoArray(c, co + cs + 16);
    c2a.intoArray(c, co + 2 * cs);
    c2b.intoArray(c, co + 2 * cs + 16);
    c3a.intoArray(c, co + 3 * cs);
    c3b.intoArray(c, co + 3 * cs + 16);
    c4a.intoArray(c, co + 4 * cs);
    c4b.intoArray(c, co + 4 * cs + 16);
    c5a.intoArray(c, co + 5 * cs);
    c5b.intoArray(c, co + 5 * cs + 16);
    c6a.intoArray(c, co + 6 * cs);
    c6b.intoArray(c, co + 6 * cs + 16);
    c7a.intoArray(c, co + 7 * cs);
    c7b.intoArray(c, co + 7 * cs + 16);
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
      FloatVector b1 = FloatVector.fromArray(S, b, bo + k * NR + 16);
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
    c0b.intoArray(c, co + 16);
    c1a.intoArray(c, co + cs);
    c1b.intoArray(c, co + cs + 16);
    c2a.intoArray(c, co + 2 * cs);
    c2b.intoArray(c, co + 2 * cs + 16);
    c3a.intoArray(c, co + 3 * cs);
    c3b.intoArray(c, co + 3 * cs + 16);
  }
}
