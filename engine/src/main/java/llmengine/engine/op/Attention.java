package llmengine.engine.op;

import llmengine.engine.AttentionShape;
import llmengine.engine.DType;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * softmax(scale q k^T + mask) v per head, with shared key/value heads (Ainslie et al. 2023, "GQA").
 */
public final class Attention {
  private Attention() {}

  /**
   * @param q (Nq, H*D)
   * @param k (Nk, Hkv*D)
   * @param v (Nk, Hkv*D)
   * @return (Nq, H*D)
   */
  public static Tensor apply(
      Tape tape, Tensor q, Tensor k, Tensor v, Segments segments, AttentionShape shape) {
    Shapes.equal("attention", "columns of q", shape.heads() * shape.headDim(), q.cols());
    Shapes.equal("attention", "columns of k", shape.kvHeads() * shape.headDim(), k.cols());
    Shapes.equal("attention", "columns of v", shape.kvHeads() * shape.headDim(), v.cols());
    for (int s = 0; s < segments.count(); s++) {
      if (segments.queryStart()[s] + segments.queryLength()[s] > q.rows()
          || segments.keyRows(s) > k.rows()) {
        Shapes.equal("attention", "sequence " + s + " beyond the rows of q or k", 0, 1);
      }
    }
    Tensor out = tape.scope().empty(DType.F32, q.rows(), q.cols());
    Tensor lse = tape.scope().empty(DType.F32, q.rows(), shape.heads());
    tape.backend().attention(q, k, v, segments, shape, out, lse);
    return tape.record(
        "attention",
        out,
        dout -> {
          Tape.Target dq = tape.targetOrNull(q);
          Tape.Target dk = tape.targetOrNull(k);
          Tape.Target dv = tape.targetOrNull(v);
          tape.backend()
              .attentionBackward(
                  dout,
                  q,
                  k,
                  v,
                  out,
                  lse,
                  segments,
                  shape,
                  dq.tensor(),
                  dq.accumulate(),
                  dk.tensor(),
                  dk.accumulate(),
                  dv.tensor(),
                  dv.accumulate());
        },
        q,
        k,
        v);
  }
}
