package llmengine.nn.optim;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Function;
import llmengine.engine.DType;
import llmengine.engine.EightBitState;
import llmengine.engine.Tensor;
import llmengine.engine.Update;
import llmengine.quant.bnb.Blockwise8;

/**
 * An element-wise optimizer whose state takes one byte an element (Dettmers et al. 2022, "8-bit
 * Optimizers via Block-wise Quantization"), in blocks of 256 with a scale each, as bitsandbytes
 * keeps it. A step computes in float32 with the decoded state. Parameters below 4096 elements keep
 * theirs in float32.
 *
 * @param name of the optimizer
 * @param moments 1 or 2: how many tensors of state, the second of which is never negative
 * @param nonNegative whether the first isn't negative either
 * @param update of a step
 */
public record EightBit(String name, int moments, boolean nonNegative, Function<Step, Update> update)
    implements ParameterRule {
  private static final int BLOCK = 256;
  private static final int SMALLEST = 4096;

  /** What an update is made from. */
  public record Step(float gradScale, double learningRate, double weightDecay, int number) {}

  /** AdamW, {@code adamw_8bit}. */
  public static EightBit adamW(double beta1, double beta2, double epsilon) {
    return new EightBit(
        "adamw_8bit",
        2,
        false,
        s ->
            new Update.AdamW(
                s.gradScale, s.learningRate, beta1, beta2, epsilon, s.weightDecay, s.number));
  }

  /** Lion, {@code lion_8bit}. */
  public static EightBit lion(double beta1, double beta2) {
    return new EightBit(
        "lion_8bit",
        1,
        false,
        s -> new Update.Lion(s.gradScale, s.learningRate, beta1, beta2, s.weightDecay));
  }

  /** RMSprop, {@code rmsprop_bnb_8bit}. */
  public static EightBit rmsProp(double alpha, double epsilon) {
    return new EightBit(
        "rmsprop_8bit",
        1,
        true,
        s -> new Update.RmsProp(s.gradScale, s.learningRate, alpha, epsilon, s.weightDecay));
  }

  private static int size(int[] shape) {
    int size = 1;
    for (int n : shape) {
      size = Math.multiplyExact(size, n);
    }
    return size;
  }

  @Override
  public SequencedMap<String, int[]> state(String parameter, int[] shape) {
    int size = size(shape);
    SequencedMap<String, int[]> shapes = new LinkedHashMap<>();
    for (int i = 1; i <= moments; i++) {
      if (size < SMALLEST) {
        shapes.put("state" + i, shape);
      } else {
        shapes.put("state" + i, new int[] {size});
        shapes.put("absmax" + i, new int[] {Math.ceilDiv(size, BLOCK)});
      }
    }
    return shapes;
  }

  @Override
  public DType dtype(String name, int[] parameter) {
    return name.startsWith("state") && size(parameter) >= SMALLEST ? DType.U8 : DType.F32;
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    Update rule =
        update.apply(new Step(gradScale, one.learningRate(), one.weightDecay(), one.number()));
    Tensor[] state = one.state();
    if (p.size() < SMALLEST) {
      p.backend().update(rule, p, gradient, state[0], moments == 2 ? state[1] : null);
      return;
    }
    Blockwise8 first = nonNegative ? Blockwise8.UNSIGNED : Blockwise8.SIGNED;
    p.backend()
        .update(
            rule,
            p,
            gradient,
            new EightBitState(state[0], state[1], BLOCK, first),
            moments == 2
                ? new EightBitState(state[2], state[3], BLOCK, Blockwise8.UNSIGNED)
                : null);
  }
}
