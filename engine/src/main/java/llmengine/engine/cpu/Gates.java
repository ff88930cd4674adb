// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import llmengine.engine.Activation;
import llmengine.engine.Tensor;

/** Activations and gates (SwiGLU, GeGLU) over tensors, forward and backward. */
final class Gates {
  private static final int A = 0;
  private static final int B = 1;
  private static final int C = 2;
  private static final int OUT = 3;
  private static final int SLOPE = 4;

  private Gates() {}

  /** out = f(x). */
  static void activation(Team team, Activation f, Tensor x, Tensor out) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] v = Pieces.load(x, row, column, n, scratch, A);
          float[] y = scratch.slot(OUT, n);
          Activations.apply(f, v, y, n);
          Store.set(y, 0, n, Pieces.address(out, row, column));
        },
        out,
        x);
  }

  /** dx (+)= f'(x) * dy. */
  static void activationBackward(
      Team team, Activation f, Tensor x, Tensor dy, Tensor dx, boolean accumulate) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] v = Pieces.load(x, row, column, n, scratch, A);
          float[] slope = scratch.slot(SLOPE, n);
          Activations.derivative(f, v, scratch.slot(OUT, n), slope, n);
          Rowwise.multiply(slope, Pieces.load(dy, row, column, n, scratch, B), slope, n);
          Store.run(slope, 0, n, Pieces.address(dx, row, column), accumulate);
        },
        dx,
        x,
        dy);
  }

  /** out = f(gate) * up. */
  static void gated(Team team, Activation f, Tensor gate, Tensor up, Tensor out) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] g = Pieces.load(gate, row, column, n, scratch, A);
          float[] y = scratch.slot(OUT, n);
          Activations.apply(f, g, y, n);
          Rowwise.multiply(y, Pieces.load(up, row, column, n, scratch, B), y, n);
          Store.set(y, 0, n, Pieces.address(out, row, column));
        },
        out,
        gate,
        up);
  }

  /** dgate (+)= f'(gate) * up * dy and dup (+)= f(gate) * dy; either may be null. */
  static void gatedBackward(
      Team team,
      Activation f,
      Tensor gate,
      Tensor up,
      Tensor dy,
      Tensor dgate,
      boolean accumulateGate,
      Tensor dup,
      boolean accumulateUp) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] g = Pieces.load(gate, row, column, n, scratch, A);
          float[] u = Pieces.load(up, row, column, n, scratch, B);
          float[] d = Pieces.load(dy, row, column, n, scratch, C);
          float[] y = scratch.slot(OUT, n);
          float[] slope = scratch.slot(SLOPE, n);
          Activations.derivative(f, g, y, slope, n);
          if (dgate != null) {
            Rowwise.multiply(slope, u, slope, n);
            Rowwise.multiply(slope, d, slope, n);
            Store.run(slope, 0, n, Pieces.address(dgate, row, column), accumulateGate);
          }
          if (dup != null) {
            Rowwise.multiply(y, d, y, n);
            Store.run(y, 0, n, Pieces.address(dup, row, column), accumulateUp);
          }
        },
        dy,
        gate,
        up,
        dgate,
        dup);
  }
}
