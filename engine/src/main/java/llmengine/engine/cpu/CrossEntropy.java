// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import llmengine.engine.Tensor;

/**
 * Cross-entropy of rows of logits. A row is read in pieces of fixed length: each gives its maximum
 * and its sum of exponentials, and these are put together in order, in double.
 */
final class CrossEntropy {
  private static final int Z = 0;
  private static final int E = 1;

  private CrossEntropy() {}

  static void rows(
      Team team, Tensor logits, Tensor targets, float softcap, float gradScale, Tensor losses) {
    int n = logits.cols();
    team.run(
        (row, worker) -> {
          Scratch scratch = team.scratch(worker);
          int target = Pieces.integer(targets, row);
          double logSum = logSumExp(logits, row, n, softcap, scratch);
          float[] one = Pieces.load(logits, row, target, 1, scratch, Z);
          cap(one, softcap, 1);
          Window.putFloat(Pieces.address(losses, 0, row), (float) (logSum - one[0]));
          if (gradScale != 0) {
            gradient(logits, row, n, target, softcap, (float) logSum, gradScale, scratch);
          }
        },
        logits.rows());
  }

  /** x = cap tanh(x / cap), in place. */
  static void softcap(Team team, Tensor x, float cap) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] z = Pieces.load(x, row, column, n, scratch, Z);
          cap(z, cap, n);
          Store.set(z, 0, n, Pieces.address(x, row, column));
        },
        x);
  }

  private static double logSumExp(Tensor logits, int row, int n, float softcap, Scratch scratch) {
    double max = Double.NEGATIVE_INFINITY;
    double sum = 0;
    for (int c = 0; c < n; c += Pieces.SIZE) {
      int width = Math.min(Pieces.SIZE, n - c);
      float[] z = Pieces.load(logits, row, c, width, scratch, Z);
      cap(z, softcap, width);
      float top = Sums.max(z, 0, width);
      float reference = top == Float.NEGATIVE_INFINITY ? 0 : top;
      float[] e = scratch.slot(E, width);
      exponentials(z, reference, e, width);
      Scratch.zeroPadding(e, width);
      double part = Sums.sum(e, width);
      if (top > max) {
        sum = sum * StrictMath.exp(max - top) + part;
        max = top;
      } else {
        sum += part == 0 ? 0 : part * StrictMath.exp(reference - max);
      }
    }
    return max + StrictMath.log(sum);
  }

  // d loss / d logit = softmax - [target], times the derivative of the cap, 1 - (z / cap)^2.
  private static void gradient(
      Tensor logits,
      int row,
      int n,
      int target,
      float softcap,
      float logSum,
      float gradScale,
      Scratch scratch) {
    for (int c = 0; c < n; c += Pieces.SIZE) {
      int width = Math.min(Pieces.SIZE, n - c);
      float[] z = Pieces.load(logits, row, c, width, scratch, Z);
      cap(z, softcap, width);
      float[] d = scratch.slot(E, width);
      exponentials(z, logSum, d, width);
      if (target >= c && target < c + width) {
        d[target - c] -= 1;
      }
      Rowwise.scale(d, gradScale, d, width);
      if (softcap > 0) {
        capDerivative(z, 1 / softcap, d, width);
      }
      Store.set(d, 0, width, Pieces.address(logits, row, c));
    }
  }

  /** z = softcap * tanh(z / softcap), if there is a cap. */
  static void cap(float[] z, float softcap, int n) {
    if (softcap <= 0) {
      return;
    }
    float inverse = 1 / softcap;
    for (int i = 0; i < n; i += L) {
      VectorMath.tanh(FloatVector.fromArray(F, z, i).mul(inverse)).mul(softcap).intoArray(z, i);
    }
  }

  /** d *= 1 - (z / softcap)^2. */
  static void capDerivative(float[] z, float inverseCap, float[] d, int n) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < n; i += L) {
      FloatVector t = FloatVector.fromArray(F, z, i).mul(inverseCap);
      one.sub(t.mul(t)).mul(FloatVector.fromArray(F, d, i)).intoArray(d, i);
    }
  }

  private static void exponentials(float[] z, float minus, float[] e, int n) {
    for (int i = 0; i < n; i += L) {
      VectorMath.exp(FloatVector.fromArray(F, z, i).sub(minus)).intoArray(e, i);
    }
  }
}
