package llmengine.data.batch;

import java.util.Arrays;
import java.util.List;
import llmengine.data.process.Example;

/**
 * Puts rows of different lengths into one micro-batch without padding. The label of a row's first
 * token is never learned (nothing predicts it), and no prediction crosses from one row to the next.
 *
 * <p>There is no padding to learn, so {@code ignore_pad_token_for_loss: false} has no equivalent
 * here and is refused by {@link llmengine.data.TrainingData}.
 */
public final class Collator {
  private Collator() {}

  /**
   * @param numbers places of the rows in their dataset
   */
  public static MicroBatch collate(List<Example> rows, int[] numbers) {
    int tokens = 0;
    int parts = 0;
    int learned = 0;
    for (Example row : rows) {
      tokens = Math.addExact(tokens, row.ids().length);
      parts += row.segments().length;
      learned += row.learned();
    }
    int[] ids = new int[tokens];
    int[] positions = new int[tokens];
    int[] segments = new int[parts];
    int[] labelled = new int[learned];
    int[] targets = new int[learned];
    int[] lengths = new int[rows.size()];
    int at = 0;
    int part = 0;
    int label = 0;
    for (int r = 0; r < lengths.length; r++) {
      Example row = rows.get(r);
      int n = row.ids().length;
      lengths[r] = n;
      System.arraycopy(row.ids(), 0, ids, at, n);
      System.arraycopy(row.positions(), 0, positions, at, n);
      System.arraycopy(row.segments(), 0, segments, part, row.segments().length);
      part += row.segments().length;
      for (int t = 1; t < n; t++) {
        if (row.labels()[t] != Example.IGNORED) {
          labelled[label] = at + t - 1;
          targets[label++] = row.labels()[t];
        }
      }
      at += n;
    }
    // fewer than counted if a first token had a label
    return new MicroBatch(
        ids,
        positions,
        segments,
        Arrays.copyOf(labelled, label),
        Arrays.copyOf(targets, label),
        lengths,
        List.copyOf(rows),
        numbers);
  }
}
