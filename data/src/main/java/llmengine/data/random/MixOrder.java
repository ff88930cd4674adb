package llmengine.data.random;

import java.util.Arrays;
import llmengine.data.DataException;

/**
 * The order in which several datasets are mixed: entry i is row {@code rows[i]} of dataset {@code
 * datasets[i]}. Sources are drawn with {@code default_rng(seed).choice} when probabilities are
 * given (null: round robin); a dataset's rows come in their own order.
 */
public record MixOrder(int[] datasets, int[] rows) {
  /** {@code mix_strategy}. */
  public enum Strategy {
    /** One dataset after the other. */
    CONCAT,
    /** Ends as soon as one dataset is used up. */
    INTERLEAVE_UNDER,
    /** Ends when each was used up once; a used-up one starts again. */
    INTERLEAVE_OVER,
    /** Each row once: used-up datasets are passed over. */
    INTERLEAVE_ONCE
  }

  private static final double TOLERANCE = 1e-8;

  /**
   * Mixes datasets of these sizes. Unusable probabilities or an empty dataset: {@link
   * DataException}.
   */
  public static MixOrder of(int[] sizes, Strategy strategy, double[] probabilities, long seed) {
    if (strategy == Strategy.CONCAT) {
      return concat(sizes);
    }
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] <= 0) {
        throw new DataException(
            "mix_strategy: dataset "
                + (i + 1)
                + " of "
                + sizes.length
                + " is empty: expected at least one row to interleave. Leave it out.");
      }
    }
    if (probabilities != null) {
      check(sizes.length, probabilities);
    }
    return probabilities == null
        ? roundRobin(sizes, strategy)
        : drawn(sizes, strategy, probabilities, seed);
  }

  private static void check(int count, double[] probabilities) {
    double sum = 0;
    boolean positive = true;
    for (double p : probabilities) {
      sum += p;
      positive &= p > 0;
    }
    if (probabilities.length != count || !positive || !(Math.abs(sum - 1) <= TOLERANCE)) {
      throw new DataException(
          "interleave_probs: expected one number above 0 for each of the "
              + count
              + " datasets, with sum 1, got "
              + Arrays.toString(probabilities)
              + ".");
    }
  }

  private static MixOrder concat(int[] sizes) {
    Order order = new Order(total(sizes));
    for (int dataset = 0; dataset < sizes.length; dataset++) {
      for (int row = 0; row < sizes[dataset]; row++) {
        order.add(dataset, row);
      }
    }
    return order.done();
  }

  private static MixOrder roundRobin(int[] sizes, Strategy strategy) {
    int rounds =
        strategy == Strategy.INTERLEAVE_UNDER
            ? Arrays.stream(sizes).min().orElse(0)
            : Arrays.stream(sizes).max().orElse(0);
    Order order = new Order(total(sizes));
    for (int round = 0; round < rounds; round++) {
      for (int dataset = 0; dataset < sizes.length; dataset++) {
        if (round < sizes[dataset]) {
          order.add(dataset, round);
        } else if (strategy == Strategy.INTERLEAVE_OVER) {
          order.add(dataset, round % sizes[dataset]);
        }
      }
    }
    return order.done();
  }

  private static MixOrder drawn(int[] sizes, Strategy strategy, double[] probabilities, long seed) {
    NumpyRandom random = new NumpyRandom(seed);
    Order order = new Order(total(sizes));
    int[] next = new int[sizes.length];
    boolean[] usedUp = new boolean[sizes.length];
    int usedUpCount = 0;
    int enough = strategy == Strategy.INTERLEAVE_UNDER ? 1 : sizes.length;
    while (usedUpCount < enough) {
      int dataset = random.choice(probabilities);
      if (strategy == Strategy.INTERLEAVE_ONCE && usedUp[dataset]) {
        continue;
      }
      order.add(dataset, next[dataset]++);
      if (next[dataset] == sizes[dataset]) {
        next[dataset] = 0;
        usedUpCount += usedUp[dataset] ? 0 : 1;
        usedUp[dataset] = true;
      }
    }
    return order.done();
  }

  private static int total(int[] sizes) {
    long sum = 0;
    for (int size : sizes) {
      sum += size;
    }
    if (sum > Integer.MAX_VALUE - 16) {
      throw new DataException(
          "datasets: too many rows: expected at most 2^31 rows in all, got "
              + sum
              + ". Use max_samples to take fewer.");
    }
    return (int) sum;
  }

  /** The order while it grows. */
  private static final class Order {
    private int[] datasets;
    private int[] rows;
    private int size;

    Order(int expected) {
      datasets = new int[Math.max(16, expected)];
      rows = new int[datasets.length];
    }

    void add(int dataset, int row) {
      if (size == rows.length) {
        int larger = Math.max(size + 1, (int) Math.min(Integer.MAX_VALUE - 16L, size * 3L / 2));
        datasets = Arrays.copyOf(datasets, larger);
        rows = Arrays.copyOf(rows, larger);
      }
      datasets[size] = dataset;
      rows[size++] = row;
    }

    MixOrder done() {
      return new MixOrder(Arrays.copyOf(datasets, size), Arrays.copyOf(rows, size));
    }
  }
}
