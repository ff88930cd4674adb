package llmengine.engine.op;

import java.util.Arrays;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * Log-probabilities of given next tokens: output projection and log-softmax in one, over the asked
 * rows only and in chunks, like {@link LinearCrossEntropy}, but differentiable with a gradient of
 * its own for each token: losses of whole answers weigh their tokens only after all of them are
 * known. d log p / d hidden is kept from the forward pass, (L, C); the gradient of trained output
 * weights computes the logits again.
 */
public final class TokenLogProbs {
  /** Bytes of logits that exist at a time. */
  private static final long CHUNK_BYTES = 32L << 20;

  private TokenLogProbs() {}

  /** Looks at the logits (n, V), softcap not applied, of the asked rows from {@code first} on. */
  @FunctionalInterface
  public interface Probe {
    void see(Tensor logits, int first);
  }

  /** The output projection: w (V, C) of any float dtype, bias (V) or null, softcap 0 for none. */
  public record Head(Tensor w, Tensor bias, float softcap) {}

  /**
   * @param hidden (M, C)
   * @param rows which rows of hidden predict a token, in any order, repeated or not
   * @param targets the id that each of them predicts
   * @param probe null for none
   * @return log-probabilities (rows.length) float32
   */
  public static Tensor apply(
      Tape tape, Tensor hidden, Head head, int[] rows, int[] targets, Probe probe) {
    Shapes.matrix("token_log_probs", "hidden", hidden);
    Shapes.equal("token_log_probs", "columns of hidden", head.w.cols(), hidden.cols());
    Shapes.equal("token_log_probs", "number of targets", rows.length, targets.length);
    Scope scope = tape.scope();
    Backend backend = tape.backend();
    boolean hiddenGrad = tape.isRecording() && hidden.needsGrad();
    Tensor logProbs = scope.empty(DType.F32, rows.length);
    Tensor slopes = hiddenGrad ? scope.empty(DType.F32, rows.length, hidden.cols()) : null;
    eachChunk(
        backend,
        hidden,
        head,
        rows,
        (scratch, x, logits, from) -> {
          int to = from + logits.rows();
          if (probe != null) {
            probe.see(logits, from);
          }
          Tensor ids = scratch.of(Arrays.copyOfRange(targets, from, to));
          Tensor losses = scratch.empty(DType.F32, to - from);
          backend.crossEntropy(logits, ids, head.softcap, hiddenGrad ? -1 : 0, losses);
          Tensor part = logProbs.reshape(rows.length, 1).rows(from, to).reshape(to - from);
          backend.scale(losses, -1, part, false);
          if (hiddenGrad) {
            backend.matmulNN(logits, head.w, 1, slopes.rows(from, to), false);
          }
        });
    return tape.record(
        "token_log_probs",
        logProbs,
        dy -> {
          if (hiddenGrad) {
            hiddenGradient(tape, hidden, slopes, rows, dy);
          }
          if (head.w.needsGrad() || head.bias != null && head.bias.needsGrad()) {
            weightGradient(tape, hidden, head, rows, targets, dy);
          }
        },
        hidden,
        head.w,
        head.bias);
  }

  static void hiddenGradient(Tape tape, Tensor hidden, Tensor slopes, int[] rows, Tensor dy) {
    Backend backend = tape.backend();
    Tape.Target target = tape.target(hidden);
    if (!target.accumulate()) {
      backend.fill(target.tensor(), 0);
    }
    try (Scope scratch = new Scope(backend, "logits")) {
      Tensor weighed = scratch.empty(DType.F32, slopes.rows(), slopes.cols());
      backend.scaleBy(slopes, dy, null, weighed, false);
      backend.embeddingBackward(weighed, scratch.of(rows), 1, target.tensor());
    }
  }

  private static void weightGradient(
      Tape tape, Tensor hidden, Head head, int[] rows, int[] targets, Tensor dy) {
    Backend backend = tape.backend();
    eachChunk(
        backend,
        hidden,
        head,
        rows,
        (scratch, x, logits, from) -> {
          int n = logits.rows();
          Tensor ids = scratch.of(Arrays.copyOfRange(targets, from, from + n));
          Tensor losses = scratch.empty(DType.F32, n);
          backend.crossEntropy(logits, ids, head.softcap, -1, losses);
          Tensor weights = dy.reshape(rows.length, 1).rows(from, from + n).reshape(n);
          if (head.w.needsGrad()) {
            Tensor weighed = scratch.empty(DType.F32, n, x.cols());
            backend.scaleBy(x, weights, null, weighed, false);
            Tape.Target dw = tape.target(head.w);
            backend.matmulTN(logits, weighed, 1, dw.tensor(), dw.accumulate());
          }
          if (head.bias != null && head.bias.needsGrad()) {
            Tensor weighed = scratch.empty(DType.F32, n, logits.cols());
            backend.scaleBy(logits, weights, null, weighed, false);
            Tape.Target db = tape.target(head.bias);
            backend.sumRows(weighed, db.tensor(), db.accumulate());
          }
        });
  }

  /** What is done with the hidden states x (n, C) of some rows and their logits (n, V). */
  private interface Chunk {
    void run(Scope scratch, Tensor x, Tensor logits, int from);
  }

  private static void eachChunk(Backend backend, Tensor hidden, Head head, int[] rows, Chunk work) {
    int vocab = head.w.rows();
    int chunk = (int) Math.max(16, Math.min(rows.length, CHUNK_BYTES / (4L * vocab)));
    for (int from = 0; from < rows.length; from += chunk) {
      int n = Math.min(chunk, rows.length - from);
      try (Scope scratch = new Scope(backend, "logits")) {
        Tensor at = scratch.of(Arrays.copyOfRange(rows, from, from + n));
        Tensor x = scratch.empty(DType.F32, n, hidden.cols());
        backend.gatherRows(hidden, at, x);
        Tensor logits = scratch.empty(DType.F32, n, vocab);
        backend.matmulNT(x, head.w, 1, logits, false);
        if (head.bias != null) {
          backend.addRow(logits, head.bias);
        }
        work.run(scratch, x, logits, from);
      }
    }
  }
}
