// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import llmengine.engine.Tensor;

/** Rotary embedding in halves: (a, b) becomes (a cos - b sin, b cos + a sin). */
final class Rotary {
  private static final int X = 0;
  private static final int OUT = 1;
  private static final int COS = 2;
  private static final int SIN = 3;

  private Rotary() {}

  static void rope(
      Team team,
      Tensor x,
      Tensor positions,
      Tensor cos,
      Tensor sin,
      int headDim,
      boolean inverse,
      Tensor out,
      boolean accumulate) {
    int n = x.cols();
    int half = cos.cols();
    Pieces.eachRow(
        team,
        x.rows(),
        n,
        (row, scratch) -> {
          int position = Pieces.integer(positions, row);
          float[] c = Pieces.load(cos, position, 0, half, scratch, COS);
          float[] s = Pieces.load(sin, position, 0, half, scratch, SIN);
          if (inverse) {
            Rowwise.scale(s, -1, s, half);
          }
          float[] v = Pieces.load(x, row, 0, n, scratch, X);
          float[] y = scratch.slot(OUT, n);
          for (int head = 0; head < n; head += headDim) {
            rotate(v, head, c, s, half, y);
            int rest = headDim - 2 * half;
            System.arraycopy(v, head + 2 * half, y, head + 2 * half, rest);
          }
          Store.run(y, 0, n, Pieces.address(out, row, 0), accumulate);
        });
  }

  private static void rotate(float[] x, int at, float[] cos, float[] sin, int half, float[] y) {
    int i = 0;
    for (; i <= half - L; i += L) {
      FloatVector a = FloatVector.fromArray(F, x, at + i);
      FloatVector b = FloatVector.fromArray(F, x, at + half + i);
      FloatVector c = FloatVector.fromArray(F, cos, i);
      FloatVector s = FloatVector.fromArray(F, sin, i);
      a.fma(c, b.mul(s).neg()).intoArray(y, at + i);
      b.fma(c, a.mul(s)).intoArray(y, at + half + i);
    }
    for (; i < half; i++) {
      float a = x[at + i];
      float b = x[at + half + i];
      y[at + i] = Math.fma(a, cos[i], -(b * sin[i]));
      y[at + half + i] = Math.fma(b, cos[i], a * sin[i]);
    }
  }
}
