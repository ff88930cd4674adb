package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.List;
import llmengine.nn.Parameter;

/**
 * Updates trained parameters from their gradients. State lies in float32 in the scope given at
 * construction; a step allocates no tensor. A parameter without a gradient is left as it is.
 */
public sealed interface Optimizer
    permits AdamW, Sgd, RuleOptimizer, LayerwiseOptimizer, BlockOptimizer, RatioOptimizer {
  /** All parameters, in the order of the groups. */
  List<Parameter> parameters();

  /**
   * Says that gradients of a step are about to be computed.
   *
   * @param learningRate of the step, as {@link #step} gets it
   */
  default void begin(double learningRate) {}

  /** Euclidean norm over all gradients of the step, before {@link #step}. */
  default double gradientNorm() {
    return Gradients.norm(parameters());
  }

  /** Gives the gradients' memory back; the next backward pass starts from nothing. */
  default void release() {
    Gradients.release(parameters());
  }

  /** Forgets the step that has begun: gradients that come until the next are not acted on. */
  default void abandon() {
    release();
  }

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
