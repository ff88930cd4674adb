package llmengine.train.ppo;

/**
 * Advantages and returns of every generated token (Schulman et al. 2016, "High-dimensional
 * continuous control using generalized advantage estimation", equation 16): delta = r + gamma V' -
 * V, A = delta + gamma lambda A', return = A + V; then A gets mean 0 and variance 1 over all
 * tokens.
 *
 * @param advantages by row and token
 * @param returns by row and token
 */
record Advantages(double[][] advantages, double[][] returns) {
  private static final double TINY = 1e-8;

  /**
   * @param rewards by row and token
   * @param values by row and token
   * @param padding positions after each row's end up to the longest row of the batch, prompts
   *     included
   * @param whitened {@code ppo_whiten_rewards}: rewards get variance 1 around their mean. As in TRL
   *     the padding behind a row then holds what 0 becomes, and it flows back into the row
   */
  static Advantages of(
      double[][] rewards,
      double[][] values,
      int[] padding,
      double gamma,
      double lambda,
      boolean whitened) {
    double[][] r = rewards;
    double beyond = 0;
    if (whitened) {
      double mean = mean(rewards);
      double scale = 1 / Math.sqrt(variance(rewards, mean) + TINY);
      r = map(rewards, x -> (x - mean) * scale + mean);
      beyond = -mean * scale + mean;
    }
    double[][] advantages = new double[r.length][];
    double[][] returns = new double[r.length][];
    for (int i = 0; i < r.length; i++) {
      int n = r[i].length;
      advantages[i] = new double[n];
      returns[i] = new double[n];
      double next = 0;
      for (int t = 0; t < padding[i]; t++) {
        next = beyond + gamma * lambda * next;
      }
      for (int t = n - 1; t >= 0; t--) {
        double following = t + 1 < n ? values[i][t + 1] : 0;
        double delta = r[i][t] + gamma * following - values[i][t];
        next = delta + gamma * lambda * next;
        advantages[i][t] = next;
        returns[i][t] = next + values[i][t];
      }
    }
    double mean = mean(advantages);
    double scale = 1 / Math.sqrt(variance(advantages, mean) + TINY);
    return new Advantages(map(advantages, x -> (x - mean) * scale), returns);
  }

  private static long count(double[][] rows) {
    long count = 0;
    for (double[] row : rows) {
      count += row.length;
    }
    return count;
  }

  private static double mean(double[][] rows) {
    double sum = 0;
    for (double[] row : rows) {
      for (double x : row) {
        sum += x;
      }
    }
    return sum / count(rows);
  }

  /** With n / (n - 1); 0 for a single value. */
  private static double variance(double[][] rows, double mean) {
    double sum = 0;
    for (double[] row : rows) {
      for (double x : row) {
        sum += (x - mean) * (x - mean);
      }
    }
    return sum / Math.max(1, count(rows) - 1);
  }

  private static double[][] map(double[][] rows, java.util.function.DoubleUnaryOperator f) {
    double[][] out = new double[rows.length][];
    for (int i = 0; i < out.length; i++) {
      out[i] = java.util.Arrays.stream(rows[i]).map(f).toArray();
    }
    return out;
  }
}
