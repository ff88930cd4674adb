package llmengine.engine.op;

import java.util.Arrays;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * KL(q || p) = sum of q (log q - log p) over the vocabulary, for tokens whose distributions p and q
 * come from a trained and a frozen output projection; logits exist in chunks only. With z the
 * logits and t any id, softmax minus one-hot(t) is what cross-entropy leaves behind, so
 *
 * <pre>KL = sum (q - 1_t) (z_q - z_p) - loss_q(t) + loss_p(t),   d KL / d z_p = p - q.</pre>
 */
public final class TokenDivergence {
  /** Bytes of logits of one model that exist at a time. */
  private static final long CHUNK_BYTES = 16L << 20;

  private TokenDivergence() {}

  /**
   * @param hidden (M, C) of the trained model
   * @param w (V, C)
   * @param rows which tokens
   * @param frozenHidden (M, C') of the reference
   * @param frozenW (V, C')
   * @return (rows.length) float32, differentiable in hidden and w
   */
  public static Tensor apply(
      Tape tape, Tensor hidden, Tensor w, int[] rows, Tensor frozenHidden, Tensor frozenW) {
    Shapes.matrix("token_divergence", "hidden", hidden);
    Shapes.equal("token_divergence", "rows of the weights", w.rows(), frozenW.rows());
    Shapes.equal("token_divergence", "columns of hidden", w.cols(), hidden.cols());
    Backend backend = tape.backend();
    Tensor divergences = tape.scope().empty(DType.F32, rows.length);
    boolean hiddenGrad = tape.isRecording() && hidden.needsGrad();
    Tensor slopes = hiddenGrad ? tape.scope().empty(DType.F32, rows.length, hidden.cols()) : null;
    Models models = new Models(hidden, w, frozenHidden, frozenW);
    eachChunk(
        backend,
        models,
        rows,
        divergences,
        (scratch, at, apart, from) -> {
          if (hiddenGrad) {
            backend.matmulNN(apart, w, 1, slopes.rows(from, from + apart.rows()), false);
          }
        });
    return tape.record(
        "token_divergence",
        divergences,
        dy -> {
          if (hiddenGrad) {
            TokenLogProbs.hiddenGradient(tape, hidden, slopes, rows, dy);
          }
          if (w.needsGrad()) {
            weightGradient(tape, models, rows, dy);
          }
        },
        hidden,
        w);
  }

  private static void weightGradient(Tape tape, Models models, int[] rows, Tensor dy) {
    Backend backend = tape.backend();
    eachChunk(
        backend,
        models,
        rows,
        null,
        (scratch, at, apart, from) -> {
          int n = apart.rows();
          Tensor x = scratch.empty(DType.F32, n, models.hidden.cols());
          backend.gatherRows(models.hidden, at, x);
          Tensor weights = dy.reshape(rows.length, 1).rows(from, from + n).reshape(n);
          Tensor weighed = scratch.empty(DType.F32, n, x.cols());
          backend.scaleBy(x, weights, null, weighed, false);
          Tape.Target dw = tape.target(models.w);
          backend.matmulTN(apart, weighed, 1, dw.tensor(), dw.accumulate());
        });
  }

  /** Hidden states and output weights of the trained and of the frozen model. */
  private record Models(Tensor hidden, Tensor w, Tensor frozenHidden, Tensor frozenW) {}

  /** What is done with p - q (n, V) of the rows {@code at}. */
  private interface Chunk {
    void run(Scope scratch, Tensor at, Tensor apart, int from);
  }

  /**
   * @param divergences receives the result; null if it is not wanted
   */
  private static void eachChunk(
      Backend backend, Models models, int[] rows, Tensor divergences, Chunk work) {
    int vocab = models.w.rows();
    int chunk = (int) Math.max(16, Math.min(rows.length, CHUNK_BYTES / (4L * vocab)));
    for (int from = 0; from < rows.length; from += chunk) {
      int n = Math.min(chunk, rows.length - from);
      try (Scope scratch = new Scope(backend, "logits")) {
        Tensor at = scratch.of(Arrays.copyOfRange(rows, from, from + n));
        Tensor p = logits(scratch, models.hidden, models.w, at);
        Tensor q = logits(scratch, models.frozenHidden, models.frozenW, at);
        Tensor difference = scratch.empty(DType.F32, n, vocab); // z_q - z_p
        backend.scale(q, 1, difference, false);
        backend.scale(p, -1, difference, true);
        Tensor some = scratch.of(new int[n]); // any id will do
        Tensor lossP = scratch.empty(DType.F32, n);
        Tensor lossQ = scratch.empty(DType.F32, n);
        backend.crossEntropy(p, some, 0, 1, lossP);
        backend.crossEntropy(q, some, 0, 1, lossQ);
        if (divergences != null) {
          Tensor products = scratch.empty(DType.F32, n, vocab);
          backend.multiply(q, difference, products, false);
          float[] ones = new float[vocab];
          Arrays.fill(ones, 1);
          Tensor sums = scratch.empty(DType.F32, n, 1);
          backend.matmulNT(products, scratch.of(ones, 1, vocab), 1, sums, false);
          Tensor out = divergences.reshape(rows.length, 1).rows(from, from + n);
          backend.scale(sums, 1, out, false);
          backend.scale(lossQ.reshape(n, 1), -1, out, true);
          backend.scale(lossP.reshape(n, 1), 1, out, true);
        }
        backend.scale(q, -1, p, true); // p - q: the one-hot parts cancel
        work.run(scratch, at, p, from);
      }
    }
  }

  private static Tensor logits(Scope scratch, Tensor hidden, Tensor w, Tensor rows) {
    Backend backend = scratch.backend();
    Tensor x = scratch.empty(DType.F32, rows.cols(), hidden.cols());
    backend.gatherRows(hidden, rows, x);
    Tensor logits = scratch.empty(DType.F32, rows.cols(), w.rows());
    backend.matmulNT(x, w, 1, logits, false);
    return logits;
  }
}
