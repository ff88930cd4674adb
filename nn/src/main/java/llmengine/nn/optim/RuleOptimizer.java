package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/** An optimizer that treats every parameter by itself, by one {@link ParameterRule}. */
public final class RuleOptimizer implements Optimizer {
  private final ParameterRule rule;
  private final ParameterState state;
  private final List<Parameter> parameters;

  /**
   * @param scope where the state lives, for as long as the run
   */
  public RuleOptimizer(ParameterRule rule, Scope scope, List<ParameterGroup> groups) {
    this.rule = rule;
    this.state = new ParameterState(rule.name(), scope, groups, rule::state, rule::dtype);
    this.parameters = state.parameters();
  }

  @Override
  public List<Parameter> parameters() {
    return parameters;
  }

  @Override
  public void step(double learningRate, float gradScale) {
    for (int i = 0; i < parameters.size(); i++) {
      step(i, learningRate, gradScale);
    }
  }

  /** Updates one parameter, by its number, if it has a gradient. */
  void step(int number, double learningRate, float gradScale) {
    ParameterState.Slot slot = state.slots().get(number);
    Tensor gradient = slot.parameter.value().grad();
    if (gradient == null) {
      return;
    }
    slot.steps++;
    double rate = learningRate * slot.group.learningRateFactor();
    rule.step(
        new ParameterRule.OneStep(slot.parameter, slot.group, slot.buffers, slot.steps, rate),
        gradient,
        gradScale);
  }

  @Override
  public void save(Path file) {
    state.save(file);
  }

  @Override
  public void restore(Path file) {
    state.restore(file);
  }
}
