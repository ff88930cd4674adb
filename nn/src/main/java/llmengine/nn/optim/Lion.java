package llmengine.nn.optim;

import java.util.SequencedMap;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/**
 * Lion (Chen et al. 2023): the sign of a mixed mean, so one moment only. See {@link Update.Lion}.
 */
public record Lion(double beta1, double beta2) implements ParameterRule {
  @Override
  public String name() {
    return "lion";
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    return ParameterRule.alike(shape, "exp_avg");
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    var rule = new Update.Lion(gradScale, one.learningRate(), beta1, beta2, one.weightDecay());
    p.backend().update(rule, p, gradient, one.state()[0], null);
  }
}
