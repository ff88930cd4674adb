package llmengine.nn;

import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.LinearCrossEntropy;
import llmengine.engine.op.TokenLogProbs;

/** Next-token cross-entropy of a {@link Decoder} over the labelled positions only. */
public final class CausalLoss {
  private CausalLoss() {}

  /**
   * @param hidden (M, C) from {@link Decoder#hidden}
   * @param rows positions that predict a label, distinct and ascending
   * @param targets the id that each of them predicts
   * @param scale factor of the summed loss for the gradients, usually 1 / (labels of the optimizer
   *     step)
   * @return one loss for each of rows, not scaled
   */
  public static Tensor apply(
      Tape tape, Decoder model, Tensor hidden, int[] rows, int[] targets, float scale) {
    return apply(tape, model, hidden, rows, targets, scale, null);
  }

  /**
   * The same.
   *
   * @param probe looks at the logits; null for none
   */
  public static Tensor apply(
      Tape tape,
      Decoder model,
      Tensor hidden,
      int[] rows,
      int[] targets,
      float scale,
      TokenLogProbs.Probe probe) {
    Linear output = plainOutput(model);
    return LinearCrossEntropy.apply(
        tape,
        hidden,
        output.weight().value(),
        output.biasOrNull(),
        rows,
        targets,
        model.spec().finalSoftcap(),
        scale,
        probe);
  }

  /** The output projection, which fused losses read the weight of. */
  static Linear plainOutput(Decoder model) {
    Linear output = model.output();
    if (output.adapter().isPresent()) {
      throw new IllegalStateException(
          "lm_head: an adapter on the output projection: expected a plain layer, got an adapter."
              + " Take lm_head out of lora_target or name it in additional_target.");
    }
    return output;
  }
}
