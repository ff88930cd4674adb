package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.Update;
import llmengine.nn.Parameter;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, "Decoupled weight decay
 * regularization", algorithm 2), as PyTorch computes it: p *= 1 - lr wd; m = b1 m + (1 - b1) g; v =
 * b2 v + (1 - b2) g^2; p -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps).
 */
public final class AdamW implements Optimizer {
  private final ParameterState state;
  private final List<Parameter> parameters;
  private final double beta1;
  private final double beta2;
  private final double epsilon;

  /**
   * @param scope where the moments live, for as long as the run
   */
  public AdamW(
      Scope scope, List<ParameterGroup> groups, double beta1, double beta2, double epsilon) {
    this.state = new ParameterState("adamw", scope, groups, List.of("exp_avg", "exp_avg_sq"));
    this.parameters = state.parameters();
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
  }

  @Override
  public List<Parameter> parameters() {
    return parameters;
  }

  @Override
  public void step(double learningRate, float gradScale) {
    List<ParameterState.Slot> slots = state.slots();
    for (int i = 0; i < slots.size(); i++) {
      ParameterState.Slot slot = slots.get(i);
      if (slot.parameter.value().grad() != null) {
        update(slot, learningRate, gradScale, beta1, beta2, epsilon);
      }
    }
  }

  static void update(
      ParameterState.Slot slot,
      double learningRate,
      float gradScale,
      double beta1,
      double beta2,
      double epsilon) {
    Tensor value = slot.parameter.value();
    slot.steps++;
    double rate = learningRate * slot.group.learningRateFactor();
    var rule =
        new Update.AdamW(
            gradScale, rate, beta1, beta2, epsilon, slot.group.weightDecay(), slot.steps);
    value.backend().update(rule, value, value.grad(), slot.buffers[0], slot.buffers[1]);
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
