package llmengine.nn;

import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.TokenLogProbs;

/** Log-probabilities that a {@link Decoder} gives to next tokens, at the asked positions only. */
public final class CausalLogProbs {
  private CausalLogProbs() {}

  /**
   * @param hidden (M, C) from {@link Decoder#hidden}
   * @param rows positions that predict a token, in any order, repeated or not
   * @param targets the id that each of them predicts
   * @param probe looks at the logits; null for none
   * @return (rows.length), differentiable with a gradient of its own for each
   */
  public static Tensor apply(
      Tape tape,
      Decoder model,
      Tensor hidden,
      int[] rows,
      int[] targets,
      TokenLogProbs.Probe probe) {
    Linear output = CausalLoss.plainOutput(model);
    var head =
        new TokenLogProbs.Head(
            output.weight().value(), output.biasOrNull(), model.spec().finalSoftcap());
    return TokenLogProbs.apply(tape, hidden, head, rows, targets, probe);
  }
}
