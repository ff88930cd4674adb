package llmengine.nn.optim;

import java.util.SequencedMap;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/** RMSprop as PyTorch computes it, without momentum. See {@link Update.RmsProp}. */
public record RmsProp(double alpha, double epsilon) implements ParameterRule {
  @Override
  public String name() {
    return "rmsprop";
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    return ParameterRule.alike(shape, "square_avg");
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    var rule = new Update.RmsProp(gradScale, one.learningRate(), alpha, epsilon, one.weightDecay());
    p.backend().update(rule, p, gradient, one.state()[0], null);
  }
}
