package llmengine.data.process;

/** How many tokens of a source and its target are kept of a budget. */
public record Truncation(int source, int target) {
  /**
   * Cuts the source alone if the target takes less than half of the budget, else the target alone
   * if the source does, else both in proportion (rounded down for the target, the rest for the
   * source).
   */
  public static Truncation of(int source, int target, int budget) {
    int most;
    if (2L * target < budget) {
      most = budget;
    } else if (2L * source < budget) {
      most = budget - source;
    } else {
      // doubles in this order: the quotient is rounded before the product
      most = (int) (budget * ((double) target / (source + target)));
    }
    int keptTarget = Math.min(most, target);
    int keptSource = Math.min(Math.max(budget - keptTarget, 0), source);
    return new Truncation(keptSource, keptTarget);
  }
}
