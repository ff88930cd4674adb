package llmengine.nn.optim;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * Adafactor (Shazeer and Stern 2018, algorithm 4): of a matrix's second moment only the means of
 * its rows and columns are kept, M + N numbers instead of M N. As the Hugging Face implementation
 * computes it: beta2 = 1 - t^-0.8, epsilon 1e-30 added to squares, updates clipped at root mean
 * square 1, no first moment.
 *
 * @param relativeStep rate min(1e-2, 1/sqrt(t)) instead of the schedule's
 * @param scaleParameter multiplies the rate by the root mean square of the parameter, at least 1e-3
 */
public record Adafactor(boolean relativeStep, boolean scaleParameter) implements ParameterRule {
  private static final double EPSILON = 1e-30;
  private static final double LEAST_SCALE = 1e-3;
  private static final double DECAY = -0.8;

  @Override
  public String name() {
    return "adafactor";
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    return moments(shape);
  }

  /** What is kept for gradients of this shape. */
  static SequencedMap<String, int[]> moments(int... dims) {
    if (dims.length != 2) {
      return ParameterRule.alike(dims, "exp_avg_sq");
    }
    SequencedMap<String, int[]> shapes = new LinkedHashMap<>();
    shapes.put("exp_avg_sq_row", new int[] {dims[0]});
    shapes.put("exp_avg_sq_col", new int[] {dims[1]});
    return shapes;
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    double rate = rate(one);
    try (Scope scratch = new Scope(p.backend(), "optimizer step")) {
      Tensor update = scratch.empty(gradient.dtype(), gradient.shape().dims());
      p.backend().scale(gradient, gradScale, update, false);
      double factor = normalize(update, one.state(), 0, one.number());
      apply(p, update, rate * factor, rate * one.weightDecay());
    }
  }

  private double rate(OneStep one) {
    double rate = one.learningRate();
    if (relativeStep) {
      rate = Math.min(1e-2, 1 / Math.sqrt(one.number()));
    }
    if (scaleParameter) {
      rate *= Math.max(LEAST_SCALE, rootMeanSquare(one.value()));
    }
    return rate;
  }

  /** p -= decay p, then p -= rate update. */
  static void apply(Tensor p, Tensor update, double rate, double decay) {
    if (decay != 0) {
      p.backend().scale(p, (float) (1 - decay), p, false);
    }
    p.backend().scale(update, (float) -rate, p, true);
  }

  /**
   * Divides a gradient by the root of its second moment, in place.
   *
   * @param state holds the moments from {@code first} on
   * @return what to multiply the result by so that its root mean square is at most 1
   */
  static double normalize(Tensor gradient, Tensor[] state, int first, int number) {
    double beta2 = 1 - Math.pow(number, DECAY);
    if (gradient.shape().rank() == 2) {
      factored(gradient, state[first], state[first + 1], beta2);
    } else {
      whole(gradient, state[first], beta2);
    }
    return 1 / Math.max(1, rootMeanSquare(gradient));
  }

  private static void factored(Tensor g, Tensor rowMeans, Tensor columnMeans, double beta2) {
    try (Scope scratch = new Scope(g.backend(), "optimizer step")) {
      Tensor rows = scratch.empty(g.dtype(), g.rows());
      Tensor columns = scratch.empty(g.dtype(), g.cols());
      g.backend().rowSquares(g, rows);
      g.backend().columnSquares(g, columns);
      float[] r = averaged(rowMeans, rows, g.cols(), beta2);
      float[] c = averaged(columnMeans, columns, g.rows(), beta2);
      double mean = 0;
      for (float value : r) {
        mean += value;
      }
      mean /= r.length;
      for (int i = 0; i < r.length; i++) {
        r[i] = (float) Math.sqrt(mean / r[i]);
      }
      g.backend().scaleBy(g, rows.set(r), columns.set(inverseRoots(c)), g, false);
    }
  }

  private static void whole(Tensor g, Tensor squares, double beta2) {
    try (Scope scratch = new Scope(g.backend(), "optimizer step")) {
      Tensor now = scratch.empty(g.dtype(), g.shape().dims());
      g.backend().multiply(g, g, now, false);
      float[] v = averaged(squares, now, 1, beta2);
      g.backend().multiply(g, now.set(inverseRoots(v)), g, false);
    }
  }

  /** mean = beta2 mean + (1 - beta2) (sums / count + epsilon); returns the new values. */
  private static float[] averaged(Tensor mean, Tensor sums, int count, double beta2) {
    float[] values = mean.toFloats();
    float[] now = sums.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (beta2 * values[i] + (1 - beta2) * ((double) now[i] / count + EPSILON));
    }
    mean.set(values);
    return values;
  }

  private static float[] inverseRoots(float[] values) {
    float[] roots = new float[values.length];
    for (int i = 0; i < roots.length; i++) {
      roots[i] = (float) (1 / Math.sqrt(values[i]));
    }
    return roots;
  }

  private static double rootMeanSquare(Tensor t) {
    return Math.sqrt(t.backend().sumOfSquares(t) / t.size());
  }
}
