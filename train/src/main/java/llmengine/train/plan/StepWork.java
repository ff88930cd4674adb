package llmengine.train.plan;

import java.util.List;
import llmengine.nn.model.DecoderSpec;
import llmengine.train.plan.WeightList.Weight;

/**
 * Floating-point operations of training, counted from shapes: a product of (M,K) and (K,N) has
 * 2MKN.
 */
final class StepWork {
  /** The backward pass of attention has five products where the forward pass has two. */
  private static final double ATTENTION_BACKWARD = 2.5;

  private StepWork() {}

  /**
   * Operations for one token of a row.
   *
   * @param row tokens of the row
   * @param learned share of the tokens whose logits are computed
   * @param recomputed share of the blocks whose forward pass is repeated before its backward pass
   */
  static double perToken(
      DecoderSpec spec,
      List<Weight> weights,
      TrainedPart trained,
      double row,
      double learned,
      double recomputed) {
    int blocks = spec.layers().size();
    double above = blocks == 0 ? 0 : (blocks - trained.lowestBlock()) / (double) blocks;
    double linear = 0;
    double trainedLinear = 0;
    for (Weight w : weights) {
      if (w.isBlockLinear()) {
        linear += w.size();
        trainedLinear += trained.weights().contains(w.name()) ? w.size() : 0;
      }
    }
    // causal attention: a token sees half of its row on average
    double attention = 4.0 * row / 2 * spec.heads() * spec.headDim() * blocks;
    double forward = 2 * linear + 2.0 * trained.added() + attention;
    double backward =
        above * (2 * linear + ATTENTION_BACKWARD * attention)
            + 2 * trainedLinear
            + 4.0 * trained.added();
    double again = recomputed * above * forward;
    double table = (double) spec.vocab() * spec.width();
    boolean head =
        trained.weights().contains("lm_head.weight")
            || spec.tied() && trained.weights().contains("model.embed_tokens.weight");
    double output = learned * 2 * table * (head ? 3 : 2);
    return forward + backward + again + output;
  }
}
