package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.NonFiniteException;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/**
 * Updates each parameter during the backward pass, as soon as its gradient is complete, and gives
 * the gradient back at once (Lv et al. 2023, "Full parameter fine-tuning for large language models
 * with limited resources", section 3.2): gradients exist for one matrix at a time, beside those
 * that are used at both ends of the model. The numbers are those of the optimizer inside; only a
 * norm over all gradients comes too late to clip by.
 */
public final class LayerwiseOptimizer implements Optimizer {
  private final RuleOptimizer rule;
  private final List<Parameter> parameters;
  private final double[] squares; // of the step's gradients
  private double learningRate;
  private boolean updates;

  /**
   * @param rule what updates a parameter; all its parameters are watched from now on
   */
  public LayerwiseOptimizer(RuleOptimizer rule) {
    this.rule = rule;
    this.parameters = rule.parameters();
    this.squares = new double[parameters.size()];
    for (int i = 0; i < squares.length; i++) {
      int slot = i;
      parameters.get(i).value().whenGradientComplete(value -> complete(slot, value));
    }
  }

  private void complete(int slot, Tensor value) {
    if (!updates) {
      return;
    }
    squares[slot] = value.backend().sumOfSquares(value.grad());
    if (!Double.isFinite(squares[slot])) {
      updates = false;
      throw new NonFiniteException(
          parameters.get(slot).name()
              + " (gradient): expected finite values, got NaN or infinity.");
    }
    rule.step(slot, learningRate, 1);
    Gradients.release(parameters.get(slot));
  }

  @Override
  public List<Parameter> parameters() {
    return parameters;
  }

  @Override
  public void begin(double rate) {
    learningRate = rate;
    updates = true;
  }

  @Override
  public double gradientNorm() {
    double sum = 0;
    for (double of : squares) {
      sum += of; // in the order of Gradients.norm, so that the norm has its bits
    }
    return Math.sqrt(sum);
  }

  /** Does nothing: the backward pass has made the updates. */
  @Override
  public void step(double rate, float gradScale) {}

  @Override
  public void release() {
    Arrays.fill(squares, 0);
    Optimizer.super.release();
  }

  @Override
  public void abandon() {
    updates = false;
    release();
  }

  @Override
  public void save(Path file) {
    rule.save(file);
  }

  @Override
  public void restore(Path file) {
    rule.restore(file);
  }
}
