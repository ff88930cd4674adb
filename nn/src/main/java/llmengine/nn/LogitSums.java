package llmengine.nn;

import java.util.Arrays;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * The sum of each token's logits over the vocabulary, a figure that preference stages log. Without
 * a softcap it is h . (sum of the rows of W), so that no logits are computed for it; the summed
 * rows are kept as long as W is frozen.
 */
public final class LogitSums implements AutoCloseable {
  private static final int CHUNK = 64;

  private final Decoder model;
  private final Scope scope;
  private Tensor rowSum; // (1, C), of frozen weights

  public LogitSums(Decoder model) {
    this.model = model;
    scope = new Scope(model.backend(), "logits");
  }

  /**
   * @param hidden (M, C)
   * @return (M)
   */
  public double[] of(Tensor hidden) {
    return model.spec().finalSoftcap() > 0 ? summed(hidden) : projected(hidden);
  }

  private double[] projected(Tensor hidden) {
    Tensor w = model.output().weight().value();
    Backend backend = model.backend();
    double shift = 0;
    if (model.output().biasOrNull() != null) {
      shift = backend.sum(model.output().biasOrNull());
    }
    try (Scope scratch = new Scope(backend, "logits")) {
      Tensor sum = rowSum;
      if (sum == null) {
        sum = (w.needsGrad() ? scratch : scope).empty(DType.F32, 1, w.cols());
        float[] ones = new float[w.rows()];
        Arrays.fill(ones, 1);
        backend.matmulNN(scratch.of(ones, 1, w.rows()), w, 1, sum, false);
        rowSum = w.needsGrad() ? null : sum;
      }
      Tensor out = scratch.empty(DType.F32, hidden.rows(), 1);
      backend.matmulNT(hidden, sum, 1, out, false);
      float[] values = out.toFloats();
      double[] sums = new double[values.length];
      for (int i = 0; i < values.length; i++) {
        sums[i] = values[i] + shift;
      }
      return sums;
    }
  }

  private double[] summed(Tensor hidden) {
    double[] sums = new double[hidden.rows()];
    for (int from = 0; from < sums.length; from += CHUNK) {
      int to = Math.min(sums.length, from + CHUNK);
      try (Scope scratch = new Scope(model.backend(), "logits")) {
        Tensor logits = model.logits(Tape.inference(scratch), hidden.rows(from, to));
        for (int r = from; r < to; r++) {
          sums[r] = model.backend().sum(logits.rows(r - from, r - from + 1));
        }
      }
    }
    return sums;
  }

  @Override
  public void close() {
    scope.close();
  }
}
