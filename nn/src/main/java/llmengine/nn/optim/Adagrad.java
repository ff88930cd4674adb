package llmengine.nn.optim;

import java.util.SequencedMap;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/** Adagrad (Duchi et al. 2011) as PyTorch computes it. See {@link Update.Adagrad}. */
public record Adagrad(double epsilon) implements ParameterRule {
  @Override
  public String name() {
    return "adagrad";
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    return ParameterRule.alike(shape, "sum");
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    var rule = new Update.Adagrad(gradScale, one.learningRate(), epsilon, one.weightDecay());
    p.backend().update(rule, p, gradient, one.state()[0], null);
  }
}
