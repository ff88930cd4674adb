package llmengine.nn;

import java.util.List;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.Elementwise;

/**
 * h = x + attention(norm(x)); y = h + feedForward(norm(h)). Where a family norms the results as
 * well (Gemma 2, 3) the two {@code after} norms apply before each addition, else they are null.
 */
record TransformerBlock(
    SelfAttention attention,
    FeedForward feedForward,
    RmsNorm beforeAttention,
    RmsNorm afterAttention,
    RmsNorm beforeFeedForward,
    RmsNorm afterFeedForward) {

  /** x (M, C) to (M, C). */
  Tensor forward(Tape tape, Tensor x, Batch batch) {
    tape.enter("self_attn");
    Tensor a = attention.forward(tape, beforeAttention.forward(tape, x), batch);
    if (afterAttention != null) {
      a = afterAttention.forward(tape, a);
    }
    tape.exit();
    Tensor h = Elementwise.add(tape, x, a);
    tape.enter("mlp");
    Tensor f = feedForward.forward(tape, beforeFeedForward.forward(tape, h));
    if (afterFeedForward != null) {
      f = afterFeedForward.forward(tape, f);
    }
    tape.exit();
    return Elementwise.add(tape, h, f);
  }

  /** The block's two halves, which one after the other are {@link #forward}. */
  List<Sublayer> halves() {
    boolean folds = attention.shape().heads() == attention.shape().kvHeads();
    return List.of(
        new Sublayer(
            beforeAttention,
            afterAttention,
            attention.projections(),
            attention.output(),
            folds,
            attention::context),
        new Sublayer(
            beforeFeedForward,
            afterFeedForward,
            feedForward.inputs(),
            feedForward.down(),
            true,
            (tape, x, batch) -> feedForward.gated(tape, x)));
  }
}
