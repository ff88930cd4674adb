package llmengine.train.stage;

/** The logistic function and its logarithm, without overflow. */
final class Logistic {
  private Logistic() {}

  /** 1 / (1 + e^-x). */
  static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
  }

  /** -log sigmoid(x) = log(1 + e^-x). */
  static double negativeLog(double x) {
    return x >= 0 ? Math.log1p(Math.exp(-x)) : -x + Math.log1p(Math.exp(x));
  }
}
