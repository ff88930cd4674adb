package llmengine.engine.op;

/**
 * Orthogonal matrices from skew ones as PEFT makes them: exactly, R = (I - Q) (I + Q)^-1, or by the
 * first terms of the series of R = (I + Q) (I - Q)^-1 = I + 2 Q + 2 Q^2 + ..., the last of them
 * with factor 1. (The two differ by the sign of Q.) Matrices are square arrays of side D in
 * row-major order.
 */
final class Cayley {
  private final int side;
  private final int terms;
  private final int degree; // of the polynomial in Q
  private final float[] q;
  private final float[][] powers; // values of Horner's scheme, innermost first
  private final float[] d;
  private final float[] e;

  /**
   * @param terms of the series; 0 for the exact inverse
   */
  Cayley(int side, int terms) {
    this.side = side;
    this.terms = terms;
    degree = terms <= 2 ? Math.max(0, terms - 1) : Math.max(3, terms - 1); // 3 terms are 4 there
    q = new float[side * side];
    powers = new float[degree + 1][side * side];
    d = new float[side * side];
    e = new float[side * side];
  }

  /** R of the skew matrix with this upper triangle, row by row; valid until the next call. */
  float[] rotation(float[] triangle, float sign) {
    int at = 0;
    for (int i = 0; i < side; i++) {
      q[i * side + i] = 0;
      for (int j = i + 1; j < side; j++) {
        q[i * side + j] = sign * triangle[at];
        q[j * side + i] = -sign * triangle[at++];
      }
    }
    if (terms == 0) {
      return exact();
    }
    // H_0 = c I; H_i = c_i I + Q H_{i-1}: the coefficients are 1 for the highest power, 2, ..., 1
    identity(powers[0], coefficient(degree));
    for (int i = 1; i <= degree; i++) {
      identity(powers[i], coefficient(degree - i));
      addProduct(q, powers[i - 1], powers[i]);
    }
    return powers[degree];
  }

  /** Factor of Q to this power; one term is I, two are I + 2 Q. */
  private float coefficient(int power) {
    if (power == 0) {
      return 1;
    }
    return power == degree && terms > 2 ? 1 : 2;
  }

  /**
   * Derivative by the triangle of the last {@link #rotation} (of sign 1), given that by R, which is
   * overwritten; added to {@code gradient}.
   */
  void backward(float[] dr, float[] gradient) {
    float[] dq = d;
    java.util.Arrays.fill(dq, 0);
    if (terms == 0) {
      exactBackward(dr, dq);
    } else {
      float[] dh = dr;
      float[] next = e;
      for (int i = degree; i > 0; i--) {
        addProductTransposed(dh, powers[i - 1], dq); // dH H_{i-1}^T
        java.util.Arrays.fill(next, 0);
        addTransposedProduct(q, dh, next); // Q^T dH
        float[] swap = dh;
        dh = next;
        next = swap;
      }
    }
    int at = 0;
    for (int i = 0; i < side; i++) {
      for (int j = i + 1; j < side; j++) {
        gradient[at++] += dq[i * side + j] - dq[j * side + i];
      }
    }
  }

  /** R = (I + Q)^-1 (I - Q), which commute; (I + Q)^-1 is kept for the way back. */
  private float[] exact() {
    double[] inverse = inverse();
    for (int i = 0; i < inverse.length; i++) {
      e[i] = (float) inverse[i];
    }
    // (I + Q)^-1 (I - Q) = 2 (I + Q)^-1 - I
    for (int i = 0; i < inverse.length; i++) {
      powers[0][i] = (float) (2 * inverse[i] - (i / side == i % side ? 1 : 0));
    }
    return powers[0];
  }

  /** dR = -2 S dQ S with S = (I + Q)^-1, so dQ gets -2 S^T dR S^T. */
  private void exactBackward(float[] dr, float[] dq) {
    float[] half = powers[0];
    java.util.Arrays.fill(half, 0);
    addTransposedProduct(e, dr, half);
    addProductTransposed(half, e, dq);
    for (int i = 0; i < dq.length; i++) {
      dq[i] *= -2;
    }
  }

  /** (I + Q)^-1 by Gauss and Jordan; I + Q is regular for every skew Q, its pivots are not zero. */
  private double[] inverse() {
    int n = side;
    double[] a = new double[n * n];
    double[] inv = new double[n * n];
    for (int i = 0; i < n * n; i++) {
      a[i] = q[i] + (i / n == i % n ? 1 : 0);
      inv[i] = i / n == i % n ? 1 : 0;
    }
    for (int p = 0; p < n; p++) {
      double pivot = 1 / a[p * n + p];
      for (int j = 0; j < n; j++) {
        a[p * n + j] *= pivot;
        inv[p * n + j] *= pivot;
      }
      for (int i = 0; i < n; i++) {
        double f = a[i * n + p];
        if (i == p || f == 0) {
          continue;
        }
        for (int j = 0; j < n; j++) {
          a[i * n + j] -= f * a[p * n + j];
          inv[i * n + j] -= f * inv[p * n + j];
        }
      }
    }
    return inv;
  }

  private void identity(float[] m, float value) {
    java.util.Arrays.fill(m, 0);
    for (int i = 0; i < side; i++) {
      m[i * side + i] = value;
    }
  }

  /** c += a b. */
  private void addProduct(float[] a, float[] b, float[] c) {
    for (int i = 0; i < side; i++) {
      for (int k = 0; k < side; k++) {
        float f = a[i * side + k];
        for (int j = 0; j < side; j++) {
          c[i * side + j] += f * b[k * side + j];
        }
      }
    }
  }

  /** c += a^T b. */
  private void addTransposedProduct(float[] a, float[] b, float[] c) {
    for (int k = 0; k < side; k++) {
      for (int i = 0; i < side; i++) {
        float f = a[k * side + i];
        for (int j = 0; j < side; j++) {
          c[i * side + j] += f * b[k * side + j];
        }
      }
    }
  }

  /** c += a b^T. */
  private void addProductTransposed(float[] a, float[] b, float[] c) {
    for (int i = 0; i < side; i++) {
      for (int j = 0; j < side; j++) {
        float sum = 0;
        for (int k = 0; k < side; k++) {
          sum += a[i * side + k] * b[j * side + k];
        }
        c[i * side + j] += sum;
      }
    }
  }
}
