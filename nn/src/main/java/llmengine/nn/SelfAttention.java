package llmengine.nn;

import java.util.List;
import llmengine.engine.AttentionShape;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.Attention;
import llmengine.nn.generate.KvCache;

/**
 * Causal self-attention with rotary embedding: x (M, C) to (M, C). {@code projections} are q, k, v
 * or one fused qkv_proj; the head norms are null where the family has none.
 */
record SelfAttention(
    int layer,
    List<Linear> projections,
    Linear output,
    RmsNorm queryNorm,
    RmsNorm keyNorm,
    Rope rope,
    AttentionShape shape) {

  Tensor forward(Tape tape, Tensor x, Batch batch) {
    return output.forward(tape, context(tape, x, batch));
  }

  /** What the output projection reads: (M, H D). */
  Tensor context(Tape tape, Tensor x, Batch batch) {
    int queryWidth = shape.heads() * shape.headDim();
    int keyWidth = shape.kvHeads() * shape.headDim();
    Tensor q;
    Tensor k;
    Tensor v;
    if (projections.size() == 1) {
      Tensor qkv = projections.getFirst().forward(tape, x); // (M, (H + 2 Hkv) D)
      q = qkv.columns(0, queryWidth);
      k = qkv.columns(queryWidth, queryWidth + keyWidth);
      v = qkv.columns(queryWidth + keyWidth, queryWidth + 2 * keyWidth);
    } else {
      q = projections.get(0).forward(tape, x); // (M, H D)
      k = projections.get(1).forward(tape, x); // (M, Hkv D)
      v = projections.get(2).forward(tape, x);
    }
    if (queryNorm != null) {
      q = queryNorm.perHead(tape, q);
      k = keyNorm.perHead(tape, k);
    }
    q = rope.forward(tape, q, batch.positions());
    k = rope.forward(tape, k, batch.positions());
    if (batch.cache().isPresent()) {
      KvCache cache = batch.cache().get();
      cache.store(layer, k, v, batch.segments());
      k = cache.keys(layer);
      v = cache.values(layer);
    }
    if (batch.shifted().isPresent()) {
      return HeadHalves.attention(tape, q, k, v, batch.segments(), batch.shifted().get(), shape);
    }
    return Attention.apply(tape, q, k, v, batch.segments(), shape);
  }
}
