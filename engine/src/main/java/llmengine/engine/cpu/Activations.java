// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static jdk.incubator.vector.VectorOperators.LE;
import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import llmengine.engine.Activation;

/** f(x) and f'(x) of {@link Activation} over padded arrays. */
final class Activations {
  private static final float ROOT_2_OVER_PI = 0.7978845608f;
  private static final float CUBIC = 0.044715f;
  private static final float ROOT_1_OVER_2PI = 0.3989422804f;

  private Activations() {}

  /** y = f(x). */
  static void apply(Activation f, float[] x, float[] y, int n) {
    switch (f) {
      case SILU -> silu(x, y, n);
      case GELU -> gelu(x, y, n);
      case GELU_TANH -> geluTanh(x, y, n);
      case RELU -> relu(x, y, n);
    }
  }

  /** y = f(x) and d = f'(x). */
  static void derivative(Activation f, float[] x, float[] y, float[] d, int n) {
    switch (f) {
      case SILU -> siluDerivative(x, y, d, n);
      case GELU -> geluDerivative(x, y, d, n);
      case GELU_TANH -> geluTanhDerivative(x, y, d, n);
      case RELU -> reluDerivative(x, y, d, n);
    }
  }

  private static void silu(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      v.div(VectorMath.exp(v.neg()).add(1f)).intoArray(y, i);
    }
  }

  // s (1 + x (1 - s))
  private static void siluDerivative(float[] x, float[] y, float[] d, int n) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      FloatVector s = one.div(VectorMath.exp(v.neg()).add(1f));
      v.mul(s).intoArray(y, i);
      v.fma(one.sub(s), one).mul(s).intoArray(d, i);
    }
  }

  // The bell curve and Phi in loops of their own: together they exceed what C2 inlines.
  private static void bell(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      VectorMath.bell(FloatVector.fromArray(F, x, i)).intoArray(y, i);
    }
  }

  private static void gelu(float[] x, float[] y, int n) {
    bell(x, y, n);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      v.mul(VectorMath.phi(v, FloatVector.fromArray(F, y, i))).intoArray(y, i);
    }
  }

  // Phi(x) + x e^(-x^2/2) / sqrt(2 pi)
  private static void geluDerivative(float[] x, float[] y, float[] d, int n) {
    bell(x, d, n);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      FloatVector bell = FloatVector.fromArray(F, d, i);
      FloatVector phi = VectorMath.phi(v, bell);
      v.mul(phi).intoArray(y, i);
      v.mul(ROOT_1_OVER_2PI).fma(bell, phi).intoArray(d, i);
    }
  }

  private static void geluTanh(float[] x, float[] y, int n) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      FloatVector inner = v.mul(v).fma(FloatVector.broadcast(F, CUBIC), one).mul(v);
      FloatVector t = VectorMath.tanh(inner.mul(ROOT_2_OVER_PI));
      v.mul(0.5f).mul(t.add(1f)).intoArray(y, i);
    }
  }

  // (1 + t) / 2 + x (1 - t^2) / 2 * sqrt(2/pi) (1 + 3 * 0.044715 x^2)
  private static void geluTanhDerivative(float[] x, float[] y, float[] d, int n) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      FloatVector square = v.mul(v);
      FloatVector inner = square.fma(FloatVector.broadcast(F, CUBIC), one).mul(v);
      FloatVector t = VectorMath.tanh(inner.mul(ROOT_2_OVER_PI));
      FloatVector half = t.add(1f).mul(0.5f);
      v.mul(half).intoArray(y, i);
      FloatVector slope =
          square.fma(FloatVector.broadcast(F, 3 * CUBIC), one).mul(0.5f * ROOT_2_OVER_PI);
      FloatVector sech = one.sub(t.mul(t));
      // x (1 - t^2) may be infinity * 0 far out; there the tail is 0.
      FloatVector tail = v.mul(sech).mul(slope);
      tail.blend(0f, sech.compare(LE, 0f)).add(half).intoArray(d, i);
    }
  }

  // Written as a comparison that NaN fails, so that NaN stays.
  private static void relu(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      v.blend(0f, v.compare(LE, 0f)).intoArray(y, i);
    }
  }

  private static void reluDerivative(float[] x, float[] y, float[] d, int n) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      v.blend(0f, v.compare(LE, 0f)).intoArray(y, i);
      FloatVector positive = one.blend(0f, v.compare(LE, 0f));
      positive.blend(v, v.test(jdk.incubator.vector.VectorOperators.IS_NAN)).intoArray(d, i);
    }
  }
}
