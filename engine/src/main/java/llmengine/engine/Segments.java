package llmengine.engine;

import java.util.Arrays;

/**
 * Which rows attend to which: sequences laid end to end without padding. Sequence s has its queries
 * in rows {@code queryStart[s] .. +queryLength[s]} and its keys and values in rows {@code
 * keyStart[s] .. +keyLength[s]} of their tensors. The last query is aligned with the last key:
 * query i sees key j if {@code j <= i + keyLength - queryLength}. In training both are the same
 * rows; with a key/value cache there are more keys than queries.
 */
public record Segments(int[] queryStart, int[] queryLength, int[] keyStart, int[] keyLength) {
  public Segments {
    int n = queryStart.length;
    if (queryLength.length != n || keyStart.length != n || keyLength.length != n) {
      throw new ShapeException(
          "segments: expected four lists of equal length, got "
              + n
              + ", "
              + queryLength.length
              + ", "
              + keyStart.length
              + ", "
              + keyLength.length
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
    }
  }

  /** Sequences of these lengths, one after the other, each attending within itself. */
  public static Segments of(int... lengths) {
    int[] start = new int[lengths.length];
    for (int s = 1; s < lengths.length; s++) {
      start[s] = start[s - 1] + lengths[s - 1];
    }
    return new Segments(start, lengths.clone(), start, lengths.clone());
  }

  public int count() {
    return queryStart.length;
  }

  /** Number of query rows of all sequences. */
  public int queries() {
    return Arrays.stream(queryLength).sum();
  }
}
