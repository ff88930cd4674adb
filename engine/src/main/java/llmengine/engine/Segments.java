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
 * Where keys are paged (see {@link #paged}), key j of sequence s lies in block {@code blocks[s][j /
 * blockRows]} of {@code blockRows} rows instead, and keyStart and the prefixes say nothing.
 */
public record Segments(
    int[] queryStart,
    int[] queryLength,
    int[] keyStart,
    int[] keyLength,
    int[] prefixStart,
    int[] prefixLength,
    int[][] blocks,
    int blockRows) {
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
    if (blockRows != 0 && (Integer.bitCount(blockRows) != 1 || blocks.length != n)) {
      throw new ShapeException(
          "segments: expected "
              + n
              + " tables of blocks and a power of two of rows in each, got "
              + blocks.length
              + " and "
              + blockRows
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
      if (blockRows != 0 && (long) blocks[s].length * blockRows < keyLength[s]) {
        throw new ShapeException(
            "segments: sequence "
                + s
                + ": expected blocks for "
                + keyLength[s]
                + " keys, got "
                + blocks[s].length
                + " of "
                + blockRows
                + " rows.");
      }
    }
  }

  /** Sequences that lie in one piece each, but for the prefix. */
  public Segments(
      int[] queryStart,
      int[] queryLength,
      int[] keyStart,
      int[] keyLength,
      int[] prefixStart,
      int[] prefixLength) {
    this(queryStart, queryLength, keyStart, keyLength, prefixStart, prefixLength, new int[0][], 0);
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

  /**
   * Sequences whose queries follow each other and whose keys lie in blocks: a key/value cache.
   *
   * @param blocks of each sequence, at least as many as its keys need
   * @param blockRows a power of two
   */
  public static Segments paged(int[] queryLength, int[] keyLength, int[][] blocks, int blockRows) {
    int[] none = new int[queryLength.length];
    return new Segments(
        starts(queryLength), queryLength, none, keyLength, none, none, blocks, blockRows);
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
    if (blockRows != 0) {
      return blocks[s][j / blockRows] * blockRows + (j & blockRows - 1);
    }
    return j < prefixLength[s] ? prefixStart[s] + j : keyStart[s] + j - prefixLength[s];
  }

  /**
   * How many keys of sequence s from j on lie in rows that follow each other; counted up to {@code
   * most}.
   */
  public int adjacentKeys(int s, int j, int most) {
    if (blockRows != 0) {
      int block = j / blockRows;
      int end = Math.min(keyLength[s], j + most);
      int adjacent = (block + 1) * blockRows;
      while (adjacent < end && blocks[s][block + 1] == blocks[s][block] + 1) {
        block++;
        adjacent += blockRows;
      }
      return Math.min(adjacent, end) - j;
    }
    boolean apart = j < prefixLength[s] && prefixStart[s] + prefixLength[s] != keyStart[s];
    return Math.min(most, (apart ? prefixLength[s] : keyLength[s]) - j);
  }

  /** Rows that a tensor of keys must have for sequence s. */
  public int keyRows(int s) {
    if (blockRows == 0) {
      return Math.max(
          keyStart[s] + keyLength[s] - prefixLength[s], prefixStart[s] + prefixLength[s]);
    }
    int rows = 0;
    for (int j = 0; j < keyLength[s]; j += blockRows) {
      rows = Math.max(rows, (blocks[s][j / blockRows] + 1) * blockRows);
    }
    return rows;
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
