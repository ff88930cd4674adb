package llmengine.engine;

import java.util.Arrays;

/**
 * Which rows attend to which: sequences laid end to end without padding. Sequence s has its queries
 * in rows {@code queryStart[s] .. +queryLength[s]} of their tensor. Of its {@code keyLength[s]}
 * keys and values the first {@code prefixLength[s]} lie in rows {@code prefixStart[s] ..} and the
 * rest in rows {@code keyStart[s] ..} of theirs. The last query is aligned with the last key: query
 * i sees key j if {@code j <= i + keyLength - queryLength}. In training both are the same rows;
 * with a key/value cache there are more keys than queries. A prefix is what several sequences begin
 * with and compute once; those that share one follow each other directly (see {@link #branching}).
 */
public record Segments(
    int[] queryStart,
    int[] queryLength,
    int[] keyStart,
    int[] keyLength,
    int[] prefixStart,
    int[] prefixLength) {
  public Segments {
    int n = queryStart.length;
    if (queryLength.length != n
        || keyStart.length != n
        || keyLength.length != n
        || prefixStart.length != n
        || prefixLength.length != n) {
      throw new ShapeException(
          "segments: expected lists of equal length, got "
              + n
              + ", "
              + queryLength.length
              + ", "
              + keyStart.length
              + ", "
              + keyLength.length
              + ", "
              + prefixStart.length
              + ", "
              + prefixLength.length
              + ".");
    }
    for (int s = 0; s < n; s++) {
      if (queryLength[s] < 0 || keyLength[s] < queryLength[s]) {
        throw new ShapeException(
            "segments: sequence "
                + s
                + ": expected 0 <= queries <= keys, got "
                + queryLength[s]
                + " queries and "
                + keyLength[s]
                + " keys.");
      }
      if (prefixLength[s] < 0 || keyLength[s] < prefixLength[s]) {
        throw new ShapeException(
            "segments: sequence "
                + s
                + ": expected 0 <= prefix <= keys, got a prefix of "
                + prefixLength[s]
                + " and "
                + keyLength[s]
                + " keys.");
      }
    }
  }

  /** Sequences without prefixes. */
  public Segments(int[] queryStart, int[] queryLength, int[] keyStart, int[] keyLength) {
    this(
        queryStart,
        queryLength,
        keyStart,
        keyLength,
        new int[queryStart.length],
        new int[queryStart.length]);
  }

  /** Sequences of these lengths, one after the other, each attending within itself. */
  public static Segments of(int... lengths) {
    int[] start = starts(lengths);
    return new Segments(start, lengths.clone(), start, lengths.clone());
  }

  /**
   * Stretches of these lengths, one after the other. A stretch with {@code parents[s] = -1} begins
   * a sequence and attends within itself; any other goes on where stretch {@code parents[s]} ends,
   * and so attends to it as well: the two answers to a question, each going on from the question.
   *
   * @throws ShapeException if a parent is not the beginning of a sequence right before its branches
   */
  public static Segments branching(int[] lengths, int[] parents) {
    int[] start = starts(lengths);
    int n = lengths.length;
    int[] keys = lengths.clone();
    int[] prefixStart = new int[n];
    int[] prefixLength = new int[n];
    int root = -1;
    for (int s = 0; s < n; s++) {
      if (parents[s] < 0) {
        root = s;
      } else if (parents[s] == root) {
        prefixStart[s] = start[root];
        prefixLength[s] = lengths[root];
        keys[s] += lengths[root];
      } else {
        throw new ShapeException(
            "segments: stretch "
                + s
                + ": expected to go on from the last beginning, stretch "
                + root
                + ", got "
                + parents[s]
                + ".");
      }
    }
    return new Segments(start, lengths.clone(), start, keys, prefixStart, prefixLength);
  }

  private static int[] starts(int[] lengths) {
    int[] start = new int[lengths.length];
    for (int s = 1; s < lengths.length; s++) {
      start[s] = start[s - 1] + lengths[s - 1];
    }
    return start;
  }

  public int count() {
    return queryStart.length;
  }

  /** Number of query rows of all sequences. */
  public int queries() {
    return Arrays.stream(queryLength).sum();
  }

  /** Row of key j of sequence s. */
  public int key(int s, int j) {
    return j < prefixLength[s] ? prefixStart[s] + j : keyStart[s] + j - prefixLength[s];
  }

  /** How many keys of sequence s from j on lie in rows that follow each other. */
  public int adjacentKeys(int s, int j) {
    boolean apart = j < prefixLength[s] && prefixStart[s] + prefixLength[s] != keyStart[s];
    return (apart ? prefixLength[s] : keyLength[s]) - j;
  }

  /**
   * Where runs of sequences begin that no key row connects with others, and {@link #count}:
   * gradients of different runs touch different rows.
   */
  public int[] independentRuns() {
    int[] runs = new int[count() + 1];
    int n = 0;
    for (int s = 0; s < count(); s++) {
      if (s == 0 || prefixLength[s] == 0) {
        runs[n++] = s;
      }
    }
    runs[n] = count();
    return Arrays.copyOf(runs, n + 1);
  }
}
