package llmengine.data.process;

/**
 * One training row of token ids. {@code labels[t]} is the id to learn at position t or {@link #IGNORED} (labels are not
 * shifted: the prediction made at t-1 is compared with labels[t]). {@code positions} restart at 0 for each sample of a
 * packed row. {@code segments} are the lengths of the parts that may attend within themselves only: one part for a plain
 * row, one per sample under neat_packing; they sum to the number of ids.
 */
public record Example(int[] ids, int[] labels, int[] positions, int[] segments) {
  public static final int IGNORED = -100;
}
