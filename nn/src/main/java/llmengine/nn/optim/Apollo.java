package llmengine.nn.optim;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.Set;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/**
 * APOLLO (Zhu et al. 2024, "SGD-like memory, AdamW-level performance"): the gradient itself, scaled
 * by channel or as a whole by what Adam does to a projection of it to a low rank. As apollo-torch
 * computes it: a limiter keeps the update's norm from growing by more than 1 % a step, and decay
 * follows the update.
 *
 * @param targets names of the matrices treated so; others get Adam
 * @param byChannel a factor for each channel of the longer side, not one for the matrix
 * @param scaleFront scale before the limiter instead of after it
 */
public record Apollo(
    Set<String> targets,
    Projection projection,
    int interval,
    double scale,
    boolean byChannel,
    boolean scaleFront,
    double beta1,
    double beta2,
    double epsilon)
    implements ParameterRule {
  private static final double GROWTH = 1.01;
  private static final double TINY = 1e-8;

  @Override
  public String name() {
    return "apollo_adamw";
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    SequencedMap<String, int[]> shapes = new LinkedHashMap<>();
    int[] kept = shape;
    if (targets.contains(name)) {
      shapes.putAll(projection.matrices(shape[0], shape[1]));
      kept = projection.projected(shape[0], shape[1]);
    }
    shapes.putAll(ParameterRule.alike(kept, "exp_avg", "exp_avg_sq"));
    if (targets.contains(name)) {
      shapes.put("update_norm", new int[] {1});
    }
    return shapes;
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    Backend backend = p.backend();
    double rate =
        one.learningRate()
            * Math.sqrt(1 - Math.pow(beta2, one.number()))
            / (1 - Math.pow(beta1, one.number()));
    var adam = new Update.AdamDirection(1, beta1, beta2, epsilon);
    try (Scope scratch = new Scope(backend, "optimizer step")) {
      Tensor update = scratch.empty(DType.F32, p.shape().dims());
      if (targets.contains(one.parameter().name())) {
        scaled(scratch, one, gradient, gradScale, adam, update);
      } else {
        var whole = new Update.AdamDirection(gradScale, beta1, beta2, epsilon);
        backend.update(whole, update, gradient, one.state()[0], one.state()[1]);
      }
      backend.scale(update, (float) -rate, p, true);
      if (one.weightDecay() != 0) {
        float kept = (float) (1 - one.learningRate() * one.weightDecay());
        backend.scale(p, kept, p, false);
      }
    }
  }

  private void scaled(
      Scope scratch,
      OneStep one,
      Tensor gradient,
      float gradScale,
      Update.AdamDirection adam,
      Tensor update) {
    Backend backend = gradient.backend();
    boolean left = projection.left(gradient.rows(), gradient.cols());
    Tensor matrix = one.state()[0];
    if ((one.number() - 1) % interval == 0) {
      projection
          .source()
          .renew(
              one.parameter().name(),
              one.number(),
              gradient,
              left ? matrix : null,
              left ? null : matrix);
    }
    Tensor small =
        Projection.project(
            scratch, gradient, gradScale, left ? matrix : null, left ? null : matrix);
    Tensor direction = scratch.empty(DType.F32, small.shape().dims());
    backend.update(adam, direction, small, one.state()[1], one.state()[2]);
    if (byChannel) {
      boolean byRow = !left; // the side that is not projected
      Tensor factors = channelFactors(scratch, direction, small, byRow);
      backend.scaleBy(gradient, byRow ? factors : null, byRow ? null : factors, update, false);
      backend.scale(update, gradScale, update, false);
    } else {
      double factor = norm(direction) / (norm(small) + TINY);
      backend.scale(gradient, (float) (gradScale * factor), update, false);
    }
    double after = Math.sqrt(scale);
    if (scaleFront) {
      backend.scale(update, (float) after, update, false);
      after = 1;
    }
    double now = norm(update);
    double before = one.state()[3].toFloats()[0];
    double limit = before == 0 ? 1 : Math.max(now / (before + TINY), GROWTH) / GROWTH;
    one.state()[3].set((float) (now / limit));
    backend.scale(update, (float) (after / limit), update, false);
  }

  /** Norm of the direction over norm of the projected gradient, for each row or column. */
  private static Tensor channelFactors(
      Scope scratch, Tensor direction, Tensor small, boolean byRow) {
    float[] of = squares(scratch, direction, byRow);
    float[] over = squares(scratch, small, byRow);
    for (int i = 0; i < of.length; i++) {
      of[i] = (float) (Math.sqrt(of[i]) / (Math.sqrt(over[i]) + TINY));
    }
    return scratch.of(of, of.length);
  }

  private static float[] squares(Scope scratch, Tensor t, boolean byRow) {
    Tensor sums = scratch.empty(DType.F32, byRow ? t.rows() : t.cols());
    if (byRow) {
      t.backend().rowSquares(t, sums);
    } else {
      t.backend().columnSquares(t, sums);
    }
    return sums.toFloats();
  }

  private static double norm(Tensor t) {
    return Math.sqrt(t.backend().sumOfSquares(t));
  }
}
