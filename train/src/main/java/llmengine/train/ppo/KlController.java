package llmengine.train.ppo;

/**
 * Coefficient of the KL penalty, steered so that the divergence stays near a target (Ziegler et al.
 * 2019, section 2.2): multiplied by 1 + clip(kl / target - 1, -0.2, 0.2) n / horizon after n rows.
 */
final class KlController {
  static final double START = 0.2;
  private static final double HORIZON = 10_000;
  private static final double MOST = 0.2;

  private final double target;
  private double value;

  /**
   * @param target mean over rows of the summed divergence of their tokens
   */
  KlController(double target, double value) {
    this.target = target;
    this.value = value;
  }

  double value() {
    return value;
  }

  /**
   * @param kl of the last {@code rows} rows
   */
  void update(double kl, int rows) {
    double error = Math.clamp(kl / target - 1, -MOST, MOST);
    value *= 1 + error * rows / HORIZON;
  }
}
