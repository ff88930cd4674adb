package llmengine.nn;

import java.util.ArrayList;
import java.util.List;
import llmengine.engine.AttentionShape;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.Attention;
import llmengine.engine.op.Columns;

/** Attention in which the second half of the heads sees other tokens than the first. */
final class HeadHalves {
  private HeadHalves() {}

  /**
   * @param q (M, H D)
   * @param k (M, Hkv D)
   * @param v (M, Hkv D)
   * @param first of heads 0 to H / 2, rounded down
   * @param second of the others
   * @return (M, H D)
   */
  static Tensor attention(
      Tape tape,
      Tensor q,
      Tensor k,
      Tensor v,
      Segments first,
      Segments second,
      AttentionShape shape) {
    List<Tensor> parts = new ArrayList<>();
    int half = shape.heads() / 2;
    add(parts, tape, q, k, v, first, shape, 0, half);
    add(parts, tape, q, k, v, second, shape, half, shape.heads());
    return Columns.beside(tape, parts);
  }

  /** Adds the results of heads {@code from} to {@code to}, in runs that have whole kv heads. */
  private static void add(
      List<Tensor> parts,
      Tape tape,
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      int from,
      int to) {
    int shared = shape.heads() / shape.kvHeads(); // query heads of a kv head
    int d = shape.headDim();
    for (int head = from, end; head < to; head = end) {
      boolean whole = head % shared == 0 && head + shared <= to;
      end = whole ? to - to % shared : Math.min(to, (head / shared + 1) * shared);
      int kv = head / shared;
      int kvEnd = Math.ceilDiv(end, shared);
      AttentionShape part =
          new AttentionShape(
              end - head, kvEnd - kv, d, shape.scale(), shape.window(), shape.softcap());
      parts.add(
          Attention.apply(
              tape,
              q.columns(head * d, end * d),
              k.columns(kv * d, kvEnd * d),
              v.columns(kv * d, kvEnd * d),
              segments,
              part));
    }
  }
}
