package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/**
 * Gradient descent as PyTorch computes it: d = g + wd p; b = momentum b + d (b = d at the first
 * step); p -= lr b, or lr (d + momentum b) with Nesterov's momentum. The setting {@code optim: sgd}
 * means no momentum.
 */
public final class Sgd implements Optimizer {
  private final ParameterState state;
  private final List<Parameter> parameters;
  private final double momentum;
  private final boolean nesterov;

  /**
   * @param scope where the momentum lives, for as long as the run
   * @param momentum 0 for none
   */
  public Sgd(Scope scope, List<ParameterGroup> groups, double momentum, boolean nesterov) {
    List<String> buffers = momentum == 0 ? List.of() : List.of("momentum_buffer");
    this.state = new ParameterState("sgd", scope, groups, buffers);
    this.parameters = state.parameters();
    this.momentum = momentum;
    this.nesterov = nesterov;
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
      Tensor value = slot.parameter.value();
      if (value.grad() == null) {
        continue;
      }
      boolean first = slot.steps++ == 0;
      value
          .backend()
          .sgd(
              value,
              value.grad(),
              momentum == 0 ? null : slot.buffers[0],
              gradScale,
              learningRate * slot.group.learningRateFactor(),
              momentum,
              slot.group.weightDecay(),
              nesterov,
              first);
    }
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
