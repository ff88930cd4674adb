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
 * GaLore (Zhao et al. 2024, algorithm 2): Adam or Adafactor on gradients projected to a low rank,
 * the update projected back. As galore-torch computes it: the projection is renewed from the
 * gradient every {@code interval} steps while the moments stay, Adam's epsilon is not corrected,
 * and decay follows the update. Parameters that are not targets get the same optimizer unprojected.
 *
 * @param targets names of the projected matrices
 * @param scale of projected updates
 * @param adafactor whether the inner optimizer is Adafactor instead of Adam
 */
public record Galore(
    Set<String> targets,
    Projection projection,
    int interval,
    double scale,
    boolean adafactor,
    double beta1,
    double beta2,
    double epsilon)
    implements ParameterRule {
  @Override
  public String name() {
    return adafactor ? "galore_adafactor" : "galore_adamw";
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    SequencedMap<String, int[]> shapes = new LinkedHashMap<>();
    int[] kept = shape;
    if (targets.contains(name)) {
      shapes.putAll(projection.matrices(shape[0], shape[1]));
      kept = projection.projected(shape[0], shape[1]);
    }
    shapes.putAll(
        adafactor ? Adafactor.moments(kept) : ParameterRule.alike(kept, "exp_avg", "exp_avg_sq"));
    return shapes;
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    Backend backend = p.backend();
    boolean projects = targets.contains(one.parameter().name());
    Tensor left = null;
    Tensor right = null;
    int moments = 0;
    if (projects) {
      left = projection.left(p.rows(), p.cols()) ? one.state()[moments++] : null;
      right = projection.right(p.rows(), p.cols()) ? one.state()[moments++] : null;
      if ((one.number() - 1) % interval == 0) {
        projection.source().renew(one.parameter().name(), one.number(), gradient, left, right);
      }
    }
    try (Scope scratch = new Scope(backend, "optimizer step")) {
      Tensor small = gradient;
      float rest = gradScale;
      if (projects) {
        small = Projection.project(scratch, gradient, gradScale, left, right);
        rest = 1;
      } else if (adafactor) { // it overwrites what it gets
        small = scratch.empty(DType.F32, p.shape().dims());
        backend.scale(gradient, gradScale, small, false);
      }
      double rate = one.learningRate();
      if (adafactor) {
        rate *= Adafactor.normalize(small, one.state(), moments, one.number());
        decay(one);
      } else {
        var adam = new Update.AdamDirection(rest, beta1, beta2, epsilon);
        Tensor direction = scratch.empty(DType.F32, small.shape().dims());
        backend.update(adam, direction, small, one.state()[moments], one.state()[moments + 1]);
        small = direction;
        rate *= Math.sqrt(1 - Math.pow(beta2, one.number())) / (1 - Math.pow(beta1, one.number()));
      }
      if (projects) {
        Projection.addBack(small, (float) (-rate * scale), left, right, p);
      } else {
        backend.scale(small, (float) -rate, p, true);
      }
      if (!adafactor) {
        decay(one);
      }
    }
  }

  private static void decay(OneStep one) {
    if (one.weightDecay() != 0) {
      Tensor p = one.value();
      float kept = (float) (1 - one.learningRate() * one.weightDecay());
      p.backend().scale(p, kept, p, false);
    }
  }
}
