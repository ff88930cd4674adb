package llmengine.nn.optim;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import llmengine.engine.DType;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/**
 * How one parameter is updated from its gradient, whatever becomes of the others. {@link
 * RuleOptimizer} applies it to all.
 */
public interface ParameterRule {
  /** Name of the optimizer, as written into its file. */
  String name();

  /**
   * Names and shapes of what is kept for a parameter (zero at first), in order.
   *
   * @param name of the parameter
   * @param shape of the parameter: one size or two
   */
  SequencedMap<String, int[]> state(String name, int[] shape);

  /**
   * Dtype of what {@link #state} names: F32 unless a rule keeps less.
   *
   * @param name of the tensor, as in {@link #state}
   * @param parameter shape of the parameter
   */
  default DType dtype(String name, int[] parameter) {
    return DType.F32;
  }

  /**
   * One update.
   *
   * @param one the parameter and its state
   * @param gradScale what the gradient is multiplied by first
   */
  void step(OneStep one, Tensor gradient, float gradScale);

  /**
   * A parameter in a step.
   *
   * @param state tensors in the order of {@link ParameterRule#state}
   * @param number 1 for the parameter's first update
   * @param learningRate the group's factor included
   */
  record OneStep(
      Parameter parameter, ParameterGroup group, Tensor[] state, int number, double learningRate) {
    Tensor value() {
      return parameter.value();
    }

    double weightDecay() {
      return group.weightDecay();
    }
  }

  /** Names with the same shape each. */
  static SequencedMap<String, int[]> alike(int[] shape, String... names) {
    SequencedMap<String, int[]> shapes = new LinkedHashMap<>();
    for (String name : names) {
      shapes.put(name, shape);
    }
    return shapes;
  }
}
