// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import llmengine.engine.Tensor;

/** Parameter updates in place: AdamW and SGD; formulas in {@link llmengine.engine.Backend}. */
final class Optimizers {
  private static final int P = 0;
  private static final int G = 1;
  private static final int M = 2;
  private static final int V = 3;

  private Optimizers() {}

  /** Coefficients of a step of AdamW, computed once in double. */
  private record Adam(
      float gradScale,
      float beta1,
      float rest1,
      float beta2,
      float rest2,
      float decay,
      float step,
      float inverseRoot,
      float eps) {}

  static void adamW(
      Team team,
      Tensor p,
      Tensor g,
      Tensor m,
      Tensor v,
      float gradScale,
      double lr,
      double beta1,
      double beta2,
      double eps,
      double weightDecay,
      int t) {
    Adam c =
        new Adam(
            gradScale,
            (float) beta1,
            (float) (1 - beta1),
            (float) beta2,
            (float) (1 - beta2),
            (float) (1 - lr * weightDecay),
            (float) (lr / (1 - Math.pow(beta1, t))),
            (float) (1 / Math.sqrt(1 - Math.pow(beta2, t))),
            (float) eps);
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] parameter = Pieces.load(p, row, column, n, scratch, P);
          float[] gradient = Pieces.load(g, row, column, n, scratch, G);
          float[] first = Pieces.load(m, row, column, n, scratch, M);
          float[] second = Pieces.load(v, row, column, n, scratch, V);
          adam(c, parameter, gradient, first, second, n);
          Store.set(parameter, 0, n, Pieces.address(p, row, column));
          Store.set(first, 0, n, Pieces.address(m, row, column));
          Store.set(second, 0, n, Pieces.address(v, row, column));
        },
        p,
        g,
        m,
        v);
  }

  private static void adam(Adam c, float[] p, float[] g, float[] m, float[] v, int n) {
    FloatVector eps = FloatVector.broadcast(F, c.eps);
    FloatVector inverseRoot = FloatVector.broadcast(F, c.inverseRoot);
    FloatVector beta1 = FloatVector.broadcast(F, c.beta1);
    FloatVector beta2 = FloatVector.broadcast(F, c.beta2);
    for (int i = 0; i < n; i += L) {
      FloatVector grad = FloatVector.fromArray(F, g, i).mul(c.gradScale);
      FloatVector first = FloatVector.fromArray(F, m, i).fma(beta1, grad.mul(c.rest1));
      FloatVector second = FloatVector.fromArray(F, v, i).fma(beta2, grad.mul(grad).mul(c.rest2));
      first.intoArray(m, i);
      second.intoArray(v, i);
      FloatVector change = first.mul(c.step).div(second.sqrt().fma(inverseRoot, eps));
      FloatVector.fromArray(F, p, i).mul(c.decay).sub(change).intoArray(p, i);
    }
  }

  static void sgd(
      Team team,
      Tensor p,
      Tensor g,
      Tensor buffer,
      float gradScale,
      double lr,
      double momentum,
      double weightDecay,
      boolean nesterov,
      boolean firstStep) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] parameter = Pieces.load(p, row, column, n, scratch, P);
          float[] d = Pieces.load(g, row, column, n, scratch, G);
          Rowwise.combine(d, gradScale, parameter, (float) weightDecay, d, n);
          if (buffer != null) {
            float[] b = scratch.slot(M, n);
            if (firstStep) {
              System.arraycopy(d, 0, b, 0, n);
            } else {
              b = Pieces.load(buffer, row, column, n, scratch, M);
              Rowwise.combine(b, (float) momentum, d, 1, b, n);
            }
            Store.set(b, 0, n, Pieces.address(buffer, row, column));
            if (nesterov) {
              Rowwise.combine(b, (float) momentum, d, 1, d, n);
            } else {
              d = b;
            }
          }
          Rowwise.combine(d, (float) -lr, parameter, 1, parameter, n);
          Store.set(parameter, 0, n, Pieces.address(p, row, column));
        },
        p,
        g,
        buffer);
  }
}
