package llmengine.data.batch;

import java.util.List;
import llmengine.data.process.Example;

/**
 * Rows laid end to end without padding; T is their number of tokens, L the number of labelled
 * positions. {@code ids} (T), {@code positions} (T); {@code segments} are the lengths of the
 * stretches that attend within themselves only and sum to T (their running sums are {@link
 * #cumulativeSegments}). The prediction made at token {@code labelled[i]} is to be {@code
 * targets[i]} (both L, ascending): labels are already shifted. {@code rowLengths} are the tokens of
 * each row, {@code examples} the rows themselves and {@code numbers} their places in the dataset.
 */
public record MicroBatch(
    int[] ids,
    int[] positions,
    int[] segments,
    int[] labelled,
    int[] targets,
    int[] rowLengths,
    List<Example> examples,
    int[] numbers) {

  /** Number of rows. */
  public int rows() {
    return rowLengths.length;
  }

  /** 0 and the end of each segment: (segments + 1), the cu_seqlens of variable-length attention. */
  public int[] cumulativeSegments() {
    int[] ends = new int[segments.length + 1];
    for (int i = 0; i < segments.length; i++) {
      ends[i + 1] = ends[i] + segments[i];
    }
    return ends;
  }
}
