package llmengine.engine.op;

import java.util.Arrays;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * Output projection and cross-entropy in one, over the labelled rows only and in chunks, so that
 * the logits of a batch never exist as a whole: memory O(chunk * V) instead of O(M * V). Gradients
 * are computed in the same pass (the loss is where differentiation starts), as in Hsu et al. 2024,
 * "Liger Kernel", section 3.2.
 */
public final class LinearCrossEntropy {
  /** Bytes of logits that exist at a time. */
  private static final long CHUNK_BYTES = 32L << 20;

  private LinearCrossEntropy() {}

  /** The same without a look at the logits. */
  public static Tensor apply(
      Tape tape,
      Tensor hidden,
      Tensor w,
      Tensor bias,
      int[] rows,
      int[] targets,
      float softcap,
      float scale) {
    return apply(tape, hidden, w, bias, rows, targets, softcap, scale, null);
  }

  /**
   * @param hidden (M, C)
   * @param w (V, C) any float dtype
   * @param bias (V) or null
   * @param rows which rows of hidden have a label, distinct and ascending
   * @param targets the id each of them is to predict
   * @param softcap of the logits; 0 for none
   * @param scale factor of the summed loss, usually 1 / (labels of the whole optimizer step)
   * @param probe looks at the logits of {@code rows}; null for none
   * @return losses (rows.length) float32, not scaled; {@link Tape#backward} continues below hidden
   */
  public static Tensor apply(
      Tape tape,
      Tensor hidden,
      Tensor w,
      Tensor bias,
      int[] rows,
      int[] targets,
      float softcap,
      float scale,
      TokenLogProbs.Probe probe) {
    Shapes.matrix("linear_cross_entropy", "hidden", hidden);
    Shapes.equal("linear_cross_entropy", "columns of hidden for " + w, w.cols(), hidden.cols());
    Shapes.equal("linear_cross_entropy", "number of targets", rows.length, targets.length);
    Backend backend = tape.backend();
    int vocab = w.rows();
    boolean hiddenGrad = tape.isRecording() && hidden.needsGrad();
    boolean weightGrad = tape.isRecording() && w.needsGrad();
    boolean biasGrad = tape.isRecording() && bias != null && bias.needsGrad();
    boolean anyGrad = hiddenGrad || weightGrad || biasGrad;
    Tensor losses = tape.scope().empty(DType.F32, rows.length);
    Tensor dHidden = hiddenGrad ? zeroedTarget(tape, hidden) : null;
    int chunk = (int) Math.max(16, Math.min(rows.length, CHUNK_BYTES / (4L * vocab)));
    for (int from = 0; from < rows.length; from += chunk) {
      int n = Math.min(chunk, rows.length - from);
      try (Scope scratch = new Scope(backend, "logits")) {
        Tensor at = scratch.of(Arrays.copyOfRange(rows, from, from + n));
        Tensor ids = scratch.of(Arrays.copyOfRange(targets, from, from + n));
        Tensor x = scratch.empty(DType.F32, n, hidden.cols());
        backend.gatherRows(hidden, at, x);
        Tensor logits = scratch.empty(DType.F32, n, vocab);
        if (tape.usesRows()) {
          backend.matmulRows(x, w, 1, logits, false);
        } else {
          backend.matmulNT(x, w, 1, logits, false);
        }
        if (bias != null) {
          backend.addRow(logits, bias);
        }
        if (probe != null) {
          probe.see(logits, from);
        }
        Tensor part = losses.reshape(rows.length, 1).rows(from, from + n).reshape(n);
        backend.crossEntropy(logits, ids, softcap, anyGrad ? scale : 0, part);
        if (hiddenGrad) {
          Tensor dx = scratch.empty(DType.F32, n, hidden.cols());
          backend.matmulNN(logits, w, 1, dx, false);
          backend.scatterAddRows(dx, at, dHidden);
        }
        if (weightGrad) {
          Tape.Target dw = tape.target(w);
          backend.matmulTN(logits, x, 1, dw.tensor(), dw.accumulate());
        }
        if (biasGrad) {
          Tape.Target db = tape.target(bias);
          backend.sumRows(logits, db.tensor(), db.accumulate());
        }
      }
    }
    tape.record("linear_cross_entropy", losses, ignored -> {});
    return losses;
  }

  private static Tensor zeroedTarget(Tape tape, Tensor x) {
    Tape.Target target = tape.target(x);
    if (!target.accumulate()) {
      tape.backend().fill(target.tensor(), 0);
    }
    return target.tensor();
  }
}
