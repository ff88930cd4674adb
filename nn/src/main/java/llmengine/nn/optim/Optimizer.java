package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.List;
import llmengine.nn.Parameter;

/**
 * Updates trained parameters from their gradients. State lies in float32 in the scope given at
 * construction; a step allocates no tensor. A parameter without a gradient is left as it is.
 */
public sealed interface Optimizer permits AdamW, Sgd, RuleOptimizer, BlockOptimizer {
  /** All parameters, in the order of the groups. */
  List<Parameter> parameters();

  /**
   * One update with every parameter's gradient.
   *
   * @param learningRate of this step; each group multiplies it by its own factor
   * @param gradScale what gradients are multiplied by first, see {@link Gradients#clipFactor}
   */
  void step(double learningRate, float gradScale);

  /** Writes the state, bit for bit, under the names of the parameters. */
  void save(Path file);

  /**
   * Takes over a saved state.
   *
   * @throws llmengine.engine.FormatException if the file is not of this optimizer and these
   *     parameters
   */
  void restore(Path file);
}
