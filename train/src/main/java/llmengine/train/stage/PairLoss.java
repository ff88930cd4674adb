package llmengine.train.stage;

/**
 * The loss of a pair of answers as a function of their log-probabilities, with its derivatives.
 * With x = (chosen - rejected) - (the same of the reference) and b = beta:
 *
 * <ul>
 *   <li>sigmoid (Rafailov et al. 2023, equation 7; smoothing s as in Mitchell 2023): -(1 - s) log
 *       sigmoid(b x) - s log sigmoid(-b x)
 *   <li>hinge (Zhao et al. 2023): max(0, 1 - b x)
 *   <li>ipo (Azar et al. 2023, equation 17): (x - 1 / (2 b))^2
 *   <li>orpo (Hong et al. 2024, equations 6 and 7), without reference: -chosen - b log sigmoid(log
 *       odds(chosen) - log odds(rejected))
 *   <li>simpo (Meng et al. 2024, equation 6), without reference: -log sigmoid(b (chosen - rejected)
 *       - gamma)
 * </ul>
 *
 * <p>ipo, orpo and simpo take means over an answer's tokens, the others sums.
 *
 * @param bcoWeight share of the loss of BCO (Jung et al. 2024, equation 8), where there is a
 *     reference
 * @param ftx factor of the chosen answer's mean token loss, which is added
 */
public record PairLoss(
    Kind kind, double beta, double smoothing, double gamma, double bcoWeight, double ftx) {

  /** pref_loss. */
  public enum Kind {
    SIGMOID,
    HINGE,
    IPO,
    ORPO,
    SIMPO;

    /** Whether log-probabilities are averaged over tokens. */
    public boolean isAveraged() {
      return this == IPO || this == ORPO || this == SIMPO;
    }

    /** Whether the policy is compared with a reference. */
    public boolean hasReference() {
      return this != ORPO && this != SIMPO;
    }
  }

  /** What a model gives to the two answers. */
  public record Pair(double chosen, double rejected) {}

  /** The loss and its derivatives by the two log-probabilities. */
  public record Value(double loss, double chosenSlope, double rejectedSlope) {
    private Value scaled(double factor) {
      return new Value(loss * factor, chosenSlope * factor, rejectedSlope * factor);
    }

    private Value plus(Value other) {
      return new Value(
          loss + other.loss, chosenSlope + other.chosenSlope, rejectedSlope + other.rejectedSlope);
    }
  }

  /** b times how much more than the reference's the policy's log-probability is. */
  public double reward(double policy, double reference) {
    return beta * (policy - reference);
  }

  /**
   * @param reference zeros if the loss has none
   * @param baseline BCO's mean reward so far
   */
  public Value of(Pair policy, Pair reference, double baseline) {
    Value preference =
        switch (kind) {
          case SIGMOID, HINGE, IPO -> compared(policy, reference);
          case ORPO -> odds(policy);
          case SIMPO -> margin(policy);
        };
    if (bcoWeight > 0 && kind.hasReference()) {
      Value bco = classified(policy, reference, baseline);
      preference = preference.plus(bco.scaled(bcoWeight)).scaled(1 / (1 + bcoWeight));
    }
    return preference;
  }

  private Value compared(Pair policy, Pair reference) {
    double x = (policy.chosen - policy.rejected) - (reference.chosen - reference.rejected);
    double loss;
    double slope;
    switch (kind) {
      case SIGMOID -> {
        loss =
            Logistic.negativeLog(beta * x) * (1 - smoothing)
                + Logistic.negativeLog(-beta * x) * smoothing;
        slope =
            beta
                * (Logistic.sigmoid(beta * x) * smoothing
                    - Logistic.sigmoid(-beta * x) * (1 - smoothing));
      }
      case HINGE -> {
        loss = Math.max(0, 1 - beta * x);
        slope = beta * x < 1 ? -beta : 0;
      }
      default -> {
        double distance = x - 1 / (2 * beta);
        loss = distance * distance;
        slope = 2 * distance;
      }
    }
    return new Value(loss, slope, -slope);
  }

  private Value odds(Pair policy) {
    double chosenRest = -Math.expm1(policy.chosen); // 1 - p
    double rejectedRest = -Math.expm1(policy.rejected);
    double logOdds =
        (policy.chosen - policy.rejected) - (Math.log(chosenRest) - Math.log(rejectedRest));
    double pull = beta * Logistic.sigmoid(-logOdds);
    return new Value(
        -policy.chosen + beta * Logistic.negativeLog(logOdds),
        -1 - pull / chosenRest,
        pull / rejectedRest);
  }

  private Value margin(Pair policy) {
    double z = beta * (policy.chosen - policy.rejected) - gamma;
    double slope = -beta * Logistic.sigmoid(-z);
    return new Value(Logistic.negativeLog(z), slope, -slope);
  }

  private Value classified(Pair policy, Pair reference, double baseline) {
    double chosen = reward(policy.chosen, reference.chosen) - baseline;
    double rejected = reward(policy.rejected, reference.rejected) - baseline;
    return new Value(
        Logistic.negativeLog(chosen) + Logistic.negativeLog(-rejected),
        -beta * Logistic.sigmoid(-chosen),
        beta * Logistic.sigmoid(rejected));
  }
}
