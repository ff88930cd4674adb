package llmengine.nn.optim;

import java.util.List;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/** What happens to the gradients of all trained parameters together. */
public final class Gradients {
  private Gradients() {}

  /** Euclidean norm over all gradients, in double and in the order of the list. */
  public static double norm(List<Parameter> parameters) {
    double sum = 0;
    for (int i = 0; i < parameters.size(); i++) {
      Tensor gradient = parameters.get(i).value().grad();
      if (gradient != null) {
        sum += gradient.backend().sumOfSquares(gradient);
      }
    }
    return Math.sqrt(sum);
  }

  /**
   * What brings gradients of this norm down to {@code maxNorm}: min(1, maxNorm / (norm + 1e-6)), as
   * PyTorch clips; 1 if maxNorm is 0 or less.
   */
  public static float clipFactor(double norm, double maxNorm) {
    return maxNorm <= 0 ? 1 : (float) Math.min(1, maxNorm / (norm + 1e-6));
  }

  /** Gives the gradients' memory back to the pool; the next backward pass starts from nothing. */
  public static void release(List<Parameter> parameters) {
    for (int i = 0; i < parameters.size(); i++) {
      release(parameters.get(i));
    }
  }

  /** The same of one parameter. */
  static void release(Parameter parameter) {
    Tensor value = parameter.value();
    Tensor gradient = value.grad();
    if (gradient != null) {
      value.grad(null);
      gradient.scope().release(gradient);
    }
  }
}
