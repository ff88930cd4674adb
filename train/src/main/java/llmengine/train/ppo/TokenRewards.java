package llmengine.train.ppo;

/** Rewards of the tokens of one answer: the KL penalty, and the score at the last. */
final class TokenRewards {
  private TokenRewards() {}

  /**
   * @param logProbs of the policy that generated them
   * @param reference log-probabilities of the reference
   * @param coefficient of the penalty logProb - reference (Ziegler et al. 2019, equation 2)
   */
  static double[] of(double[] logProbs, double[] reference, double score, double coefficient) {
    double[] rewards = new double[logProbs.length];
    for (int t = 0; t < rewards.length; t++) {
      rewards[t] = -coefficient * (logProbs[t] - reference[t]);
    }
    rewards[rewards.length - 1] += score;
    return rewards;
  }
}
