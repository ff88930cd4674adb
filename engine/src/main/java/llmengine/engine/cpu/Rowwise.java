// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;

/** Loops over padded arrays that the norms and other ops share. */
final class Rowwise {
  private Rowwise() {}

  /** y = x * scale. */
  static void scale(float[] x, float scale, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(x, i).mul(scale).intoArray(y, i);
    }
  }

  /** The same from x[xo] and to y[yo] on. */
  static void scale(float[] x, int xo, float scale, float[] y, int yo, int n) {
    for (int i = 0; i < n; i += L) {
      at(x, xo + i).mul(scale).intoArray(y, yo + i);
    }
  }

  /** y = x + shift. */
  static void shift(float[] x, float shift, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(x, i).add(shift).intoArray(y, i);
    }
  }

  /** y = a + b. */
  static void add(float[] a, float[] b, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(a, i).add(at(b, i)).intoArray(y, i);
    }
  }

  /** y = a * b. */
  static void multiply(float[] a, float[] b, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(a, i).mul(at(b, i)).intoArray(y, i);
    }
  }

  /** y = a * b + c. */
  static void multiplyAdd(float[] a, float[] b, float[] c, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(a, i).fma(at(b, i), at(c, i)).intoArray(y, i);
    }
  }

  /** y = (a * s) * b. */
  static void scaleMultiply(float[] a, float s, float[] b, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(a, i).mul(s).mul(at(b, i)).intoArray(y, i);
    }
  }

  /** y = a * s + b * t. */
  static void combine(float[] a, float s, float[] b, float t, float[] y, int n) {
    FloatVector vs = FloatVector.broadcast(F, s);
    for (int i = 0; i < n; i += L) {
      at(a, i).fma(vs, at(b, i).mul(t)).intoArray(y, i);
    }
  }

  /** y += a * b * s. */
  static void addProduct(float[] a, float[] b, float s, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(a, i).mul(s).fma(at(b, i), at(y, i)).intoArray(y, i);
    }
  }

  /** y += x. */
  static void accumulate(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      at(y, i).add(at(x, i)).intoArray(y, i);
    }
  }

  private static FloatVector at(float[] x, int i) {
    return FloatVector.fromArray(F, x, i);
  }
}
