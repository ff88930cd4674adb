// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The derivative of every op against differences of its values on the reference backend. */
class GradientTest {
  private static final float STEP = 0.02f;

  private final Backend backend = new ScalarBackend();

  @TestFactory
  Stream<DynamicTest> equalsCentralDifferences() {
    return GradientCase.all().stream().map(c -> DynamicTest.dynamicTest(c.name(), () -> check(c)));
  }

  private void check(GradientCase c) {
    SplittableRandom random = new SplittableRandom(c.name().hashCode());
    float[][] inputs = new float[c.shapes().length][];
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = normal(random, Shape.of(c.shapes()[i]).size());
      for (int j = 0; j < inputs[i].length; j++) {
        // away from zero, where RELU has no derivative
        inputs[i][j] += Math.copySign(3 * STEP, inputs[i][j]);
      }
    }
    float[][] gradients = new float[inputs.length][];
    float[] weights;
    try (Scope scope = new Scope(backend, "gradient")) {
      Tensor[] x = tensors(scope, c, inputs);
      Tape tape = Tape.training(scope);
      Tensor y = c.function().apply(tape, x);
      weights = normal(random, y.size());
      if (c.lossScale() == 0) {
        y.grad(scope.of(weights, y.shape().dims()));
      } else {
        java.util.Arrays.fill(weights, c.lossScale());
      }
      tape.backward();
      for (int i = 0; i < x.length; i++) {
        gradients[i] = x[i].grad().toFloats();
      }
    }
    for (int i = 0; i < inputs.length; i++) {
      for (int j = 0; j < inputs[i].length; j++) {
        double expected = difference(c, inputs, weights, i, j);
        double error = Math.abs(expected - gradients[i][j]);
        if (!(error <= 3e-4 * (1 + Math.abs(expected)))) {
          throw new AssertionError(
              "%s: gradient of input %d, element %d: expected %.6g by differences, got %.6g"
                  .formatted(c.name(), i, j, expected, gradients[i][j]));
        }
      }
    }
  }

  /** Five-point stencil: the error is of the fourth order in the step. */
  private double difference(GradientCase c, float[][] inputs, float[] weights, int i, int j) {
    double near = loss(c, inputs, weights, i, j, STEP) - loss(c, inputs, weights, i, j, -STEP);
    double far =
        loss(c, inputs, weights, i, j, 2 * STEP) - loss(c, inputs, weights, i, j, -2 * STEP);
    return (8 * near - far) / (12 * STEP);
  }

  private double loss(
      GradientCase c, float[][] inputs, float[] weights, int i, int j, float change) {
    float old = inputs[i][j];
    inputs[i][j] = old + change;
    try (Scope scope = new Scope(backend, "difference")) {
      float[] y = c.function().apply(Tape.inference(scope), tensors(scope, c, inputs)).toFloats();
      double sum = 0;
      for (int at = 0; at < y.length; at++) {
        sum += (double) y[at] * weights[at];
      }
      return sum;
    } finally {
      inputs[i][j] = old;
    }
  }

  private static Tensor[] tensors(Scope scope, GradientCase c, float[][] inputs) {
    Tensor[] x = new Tensor[inputs.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = scope.of(inputs[i], c.shapes()[i]).needsGrad(true);
    }
    return x;
  }

  private static float[] normal(SplittableRandom random, long n) {
    float[] values = new float[Math.toIntExact(n)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
