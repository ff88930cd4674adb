package llmengine.engine.cpu;

/** The error function in double, for the reference backend. */
final class Erf {
  private Erf() {}

  /**
   * Maclaurin series below 3, continued fraction of erfc above (Abramowitz and Stegun 7.1.6 and
   * 7.1.14).
   */
  static double of(double x) {
    double a = Math.abs(x);
    if (Double.isNaN(x)) {
      return x;
    }
    if (a < 3) {
      double term = a;
      double sum = a;
      for (int n = 1; n < 80; n++) {
        term *= 2 * a * a / (2 * n + 1);
        sum += term;
      }
      return Math.copySign(2 / Math.sqrt(Math.PI) * Math.exp(-a * a) * sum, x);
    }
    double fraction = 0;
    for (int n = 60; n >= 1; n--) {
      fraction = n / 2.0 / (a + fraction);
    }
    return Math.copySign(1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction), x);
  }
}
