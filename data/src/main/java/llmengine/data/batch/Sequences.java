package llmengine.data.batch;

import java.util.Arrays;
import java.util.List;
import llmengine.data.process.Example;

/**
 * Whole sequences laid end to end without padding, for stages that judge answers: T tokens of Q
 * sequences with L labels. What two sequences of a row begin with in common may be laid down once;
 * each then goes on in a stretch of its own.
 *
 * @param ids (T)
 * @param positions (T), counted within each sequence
 * @param stretches lengths of the stretches, summing to T
 * @param parents for each stretch the one that it goes on from, or -1
 * @param labelled (L) tokens whose prediction counts, by sequence; a shared token may be there
 *     twice
 * @param targets (L) the id that each of them is to predict
 * @param labels (Q) how many of the labelled tokens belong to each sequence
 * @param last (Q) the last token of each sequence
 * @param lengths (Q) tokens of each sequence, the shared ones included
 */
public record Sequences(
    int[] ids,
    int[] positions,
    int[] stretches,
    int[] parents,
    int[] labelled,
    int[] targets,
    int[] labels,
    int[] last,
    int[] lengths) {

  /** Number of sequences. */
  public int count() {
    return lengths.length;
  }

  /**
   * @param rows each of one or two sequences
   * @param share whether two sequences of a row share their common beginning
   */
  public static Sequences of(List<List<Example.Part>> rows, boolean share) {
    var builder = new Builder(rows);
    for (List<Example.Part> row : rows) {
      int common = share && row.size() == 2 ? common(row.get(0).ids(), row.get(1).ids()) : 0;
      int root = common > 0 ? builder.stretch(row.getFirst().ids(), 0, common, -1) : -1;
      for (Example.Part part : row) {
        builder.sequence(part, common, root);
      }
    }
    return builder.build();
  }

  /** How many ids two sequences begin with in common. */
  private static int common(int[] a, int[] b) {
    int at = Arrays.mismatch(a, b);
    return at < 0 ? a.length : at;
  }

  private static final class Builder {
    private final int[] ids;
    private final int[] positions;
    private final int[] stretches;
    private final int[] parents;
    private final int[] labelled;
    private final int[] targets;
    private final int[] labels;
    private final int[] last;
    private final int[] lengths;
    private int tokens;
    private int stretch;
    private int label;
    private int sequence;

    Builder(List<List<Example.Part>> rows) {
      int most = 0;
      int count = 0;
      for (List<Example.Part> row : rows) {
        for (Example.Part part : row) {
          most = Math.addExact(most, part.ids().length);
          count++;
        }
      }
      ids = new int[most];
      positions = new int[most];
      stretches = new int[count + rows.size()];
      parents = new int[stretches.length];
      labelled = new int[most];
      targets = new int[most];
      labels = new int[count];
      last = new int[count];
      lengths = new int[count];
    }

    /** Lays down tokens from .. to of a sequence; returns the stretch's number. */
    int stretch(int[] from, int first, int end, int parent) {
      for (int t = first; t < end; t++) {
        ids[tokens] = from[t];
        positions[tokens++] = t;
      }
      stretches[stretch] = end - first;
      parents[stretch] = parent;
      return stretch++;
    }

    void sequence(Example.Part part, int common, int root) {
      int begin = root < 0 ? tokens : start(root);
      int own = tokens;
      int n = part.ids().length;
      stretch(part.ids(), common, n, root);
      for (int t = 1; t < n; t++) {
        if (part.labels()[t] != Example.IGNORED) {
          labelled[label] = at(t - 1, common, begin, own);
          targets[label++] = part.labels()[t];
          labels[sequence]++;
        }
      }
      last[sequence] = at(n - 1, common, begin, own);
      lengths[sequence++] = n;
    }

    private static int at(int t, int common, int begin, int own) {
      return t < common ? begin + t : own + t - common;
    }

    private int start(int root) {
      int start = 0;
      for (int s = 0; s < root; s++) {
        start += stretches[s];
      }
      return start;
    }

    Sequences build() {
      return new Sequences(
          Arrays.copyOf(ids, tokens),
          Arrays.copyOf(positions, tokens),
          Arrays.copyOf(stretches, stretch),
          Arrays.copyOf(parents, stretch),
          Arrays.copyOf(labelled, label),
          Arrays.copyOf(targets, label),
          labels,
          last,
          lengths);
    }
  }
}
