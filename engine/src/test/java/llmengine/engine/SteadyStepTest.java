// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.op.Elementwise;
import llmengine.engine.op.Linear;
import llmengine.engine.op.LinearCrossEntropy;
import org.junit.jupiter.api.Test;

/** A small training loop: takes nothing from the system once warm, and learns. */
class SteadyStepTest {
  private static final int IN = 8;
  private static final int HIDDEN = 24;
  private static final int CLASSES = 5;

  private final ScalarBackend backend = new ScalarBackend();
  private final SplittableRandom random = new SplittableRandom(11);

  private Tensor normal(Scope scope, double scale, int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    return scope.of(values, rows, cols);
  }

  @Test
  void steadyTrainingStepTakesNothingFromTheSystem() {
    try (Scope run = new Scope(backend, "parameters")) {
      Tensor[] w = {
        normal(run, 0.3, HIDDEN, IN).needsGrad(true),
        normal(run, 0.3, CLASSES, HIDDEN).needsGrad(true)
      };
      Tensor[] m = {run.zeros(DType.F32, HIDDEN, IN), run.zeros(DType.F32, CLASSES, HIDDEN)};
      Tensor[] v = {run.zeros(DType.F32, HIDDEN, IN), run.zeros(DType.F32, CLASSES, HIDDEN)};
      int[] sizes = {31, 7, 64, 1, 33, 100, 13, 128, 5};
      double first = 0;
      double last = 0;
      long warm = 0;
      for (int t = 1; t <= 60; t++) {
        if (t == 3 * sizes.length) {
          warm = backend.memory().systemAllocations();
        }
        last = step(w, m, v, sizes[t % sizes.length], t);
        first = t == 1 ? last : first;
        assertThat(backend.memory().usedBy()).containsOnlyKeys("parameters");
      }
      assertThat(backend.memory().systemAllocations()).isEqualTo(warm);
      assertThat(last).isLessThan(0.7 * first);
    }
    assertThat(backend.memory().used()).isZero();
  }

  /** One step on rows whose label is the largest of their first channels; returns the loss. */
  private double step(Tensor[] w, Tensor[] m, Tensor[] v, int rows, int t) {
    try (Scope scope = new Scope(backend, "activations")) {
      Tensor x = normal(scope, 1, rows, IN);
      float[] values = x.toFloats();
      int[] targets = new int[rows];
      int[] all = new int[rows];
      for (int r = 0; r < rows; r++) {
        all[r] = r;
        for (int c = 1; c < CLASSES; c++) {
          targets[r] = values[r * IN + c] > values[r * IN + targets[r]] ? c : targets[r];
        }
      }
      Tape tape = Tape.training(scope);
      Tensor h =
          tape.checkpoint(
              "hidden",
              x,
              0,
              (inner, in) ->
                  Elementwise.activation(
                      inner, Activation.SILU, Linear.apply(inner, in, w[0], null)));
      Tensor losses = LinearCrossEntropy.apply(tape, h, w[1], null, all, targets, 0, 1f / rows);
      tape.backward();
      for (int i = 0; i < w.length; i++) {
        backend.update(
            new Update.AdamW(1, 3e-2, 0.9, 0.999, 1e-8, 0, t), w[i], w[i].grad(), m[i], v[i]);
        w[i].scope().release(w[i].grad());
        w[i].grad(null);
      }
      float[] each = losses.toFloats();
      return java.util.stream.IntStream.range(0, rows).mapToDouble(r -> each[r]).sum() / rows;
    }
  }
}
