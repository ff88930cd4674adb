package llmengine.train.metric;

import java.util.LinkedHashMap;
import java.util.Map;
import llmengine.data.batch.MicroBatch;
import llmengine.engine.Tensor;
import llmengine.engine.op.TokenLogProbs;

/**
 * How many labelled tokens are the ones that the model finds likeliest: the share within each row,
 * averaged over rows, as LLaMA-Factory's ComputeAccuracy. Logits are looked at as they pass, a row
 * at a time, so nothing of their size is kept. Of equal logits the first counts; rows without
 * labels are left out.
 */
public final class TokenAccuracy implements TokenLogProbs.Probe {
  private static final String SHARES = "accuracy_shares";
  private static final String ROWS = "accuracy_rows";

  private final MicroBatch batch;
  private final int[] rowOf; // (L)
  private final int[] right; // by row
  private float[] logits = {};

  public TokenAccuracy(MicroBatch batch) {
    this.batch = batch;
    rowOf = new int[batch.labelled().length];
    right = new int[batch.rows()];
    int row = 0;
    int end = batch.rows() == 0 ? 0 : batch.rowLengths()[0];
    for (int i = 0; i < rowOf.length; i++) {
      while (batch.labelled()[i] >= end) {
        end += batch.rowLengths()[++row];
      }
      rowOf[i] = row;
    }
  }

  @Override
  public void see(Tensor seen, int first) {
    if (logits.length != seen.cols()) {
      logits = new float[seen.cols()];
    }
    for (int r = 0; r < seen.rows(); r++) {
      seen.backend().read(seen.rows(r, r + 1), logits, 0);
      int likeliest = 0;
      for (int id = 1; id < logits.length; id++) {
        if (logits[id] > logits[likeliest]) {
          likeliest = id;
        }
      }
      right[rowOf[first + r]] += likeliest == batch.targets()[first + r] ? 1 : 0;
    }
  }

  /** What {@link #of} makes the metric of, to be added up over batches. */
  public Map<String, Double> sums() {
    int[] labels = new int[right.length];
    for (int row : rowOf) {
      labels[row]++;
    }
    double shares = 0;
    double rows = 0;
    for (int r = 0; r < right.length; r++) {
      if (labels[r] > 0) {
        shares += (double) right[r] / labels[r];
        rows++;
      }
    }
    return Map.of(SHARES, shares, ROWS, rows);
  }

  /** {@code PREFIXaccuracy}, if {@link #sums} are among the sums. */
  public static Map<String, Double> of(Map<String, Double> sums, String prefix) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    if (sums.containsKey(ROWS)) {
      metrics.put(prefix + "accuracy", sums.get(SHARES) / sums.get(ROWS));
    }
    return metrics;
  }
}
