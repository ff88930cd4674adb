package llmengine.train.ppo;

/**
 * The clipped objectives of policy and value function over the tokens of a mini-batch (Schulman et
 * al. 2017, "Proximal policy optimization algorithms", equations 7 and 9; values clipped around
 * their old ones): policy = mean max(-A ratio, -A clip(ratio)), value = mean max((V - R)^2,
 * (clip(V) - R)^2) / 2, total = policy + 0.1 value. A mini-batch whose mean ratio exceeds 10 has no
 * loss, as TRL skips it.
 *
 * @param logProbSlopes derivative of the total by each token's new log-probability
 * @param valueSlopes derivative of the total by each token's new value
 * @param meanRatio of new to old probabilities
 * @param skipped whether the mean ratio was beyond its limit
 */
record PpoLoss(
    double policy,
    double value,
    double total,
    double[] logProbSlopes,
    double[] valueSlopes,
    double meanRatio,
    boolean skipped) {

  /** What TRL's configuration holds and LLaMA-Factory leaves as it is. */
  record Limits(double ratio, double value, double valueWeight, double mostRatio) {
    static final Limits USUAL = new Limits(0.2, 0.2, 0.1, 10);
  }

  /** All arrays hold one entry for each generated token of the mini-batch. */
  static PpoLoss of(
      Limits limits,
      double[] logProbs,
      double[] values,
      double[] oldLogProbs,
      double[] oldValues,
      double[] advantages,
      double[] returns) {
    int n = logProbs.length;
    double policy = 0;
    double value = 0;
    double ratios = 0;
    double[] logProbSlopes = new double[n];
    double[] valueSlopes = new double[n];
    for (int i = 0; i < n; i++) {
      double ratio = Math.exp(logProbs[i] - oldLogProbs[i]);
      double kept = Math.clamp(ratio, 1 - limits.ratio, 1 + limits.ratio);
      double free = -advantages[i] * ratio;
      double clipped = -advantages[i] * kept;
      policy += Math.max(free, clipped) / n;
      ratios += ratio / n;
      // where both are equal, as PyTorch's max does, each gets half of the slope
      double share = free > clipped ? 1 : free < clipped ? 0 : 0.5;
      double within = ratio >= 1 - limits.ratio && ratio <= 1 + limits.ratio ? 1 - share : 0;
      logProbSlopes[i] = -advantages[i] * ratio * (share + within) / n;

      double low = oldValues[i] - limits.value;
      double high = oldValues[i] + limits.value;
      double near = Math.max(Math.min(values[i], high), low);
      double far = values[i] - returns[i];
      double close = near - returns[i];
      value += 0.5 * Math.max(far * far, close * close) / n;
      double farShare = far * far > close * close ? 1 : far * far < close * close ? 0 : 0.5;
      double closeShare = values[i] > low && values[i] < high ? 1 - farShare : 0;
      valueSlopes[i] = limits.valueWeight * (far * farShare + close * closeShare) / n;
    }
    boolean skipped = ratios > limits.mostRatio;
    if (skipped) {
      return new PpoLoss(0, 0, 0, new double[n], new double[n], ratios, true);
    }
    double total = policy + limits.valueWeight * value;
    return new PpoLoss(policy, value, total, logProbSlopes, valueSlopes, ratios, false);
  }
}
