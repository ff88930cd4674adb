// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import llmengine.engine.Tensor;

/** Stochastic gradient descent in place; formula in {@link llmengine.engine.Backend}. */
final class Optimizers {
  private static final int P = 0;
  private static final int G = 1;
  private static final int M = 2;

  private Optimizers() {}

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
