package llmengine.train.ppo;

/**
 * Running mean and deviation of all scores so far ({@code ppo_score_norm}): scores become (score -
 * mean) / deviation. As TRL adds a batch to them, the deviation that is divided by has n / (n - 1)
 * under its root.
 */
final class ScoreScale {
  private static final double TINY = 1.1920928955078125e-7; // float32's epsilon

  private double count;
  private double mean;
  private double variance;

  ScoreScale() {
    this(1e-24, 0, 1);
  }

  ScoreScale(double count, double mean, double variance) {
    this.count = count;
    this.mean = mean;
    this.variance = variance;
  }

  double count() {
    return count;
  }

  double mean() {
    return mean;
  }

  double variance() {
    return variance;
  }

  /** Adds a batch and returns it scaled. */
  double[] scale(double[] scores) {
    double n = scores.length;
    double batchMean = 0;
    for (double s : scores) {
      batchMean += s / n;
    }
    double batchVariance = 0;
    for (double s : scores) {
      batchVariance += (s - batchMean) * (s - batchMean) / n;
    }
    double delta = batchMean - mean;
    double total = count + n;
    double squares = variance * count + batchVariance * n + delta * delta * count * n / total;
    mean += delta * n / total;
    variance = squares / total;
    double deviation = Math.sqrt(variance * total / (total - 1));
    count = total;
    double[] scaled = new double[scores.length];
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] = (scores[i] - mean) / (deviation + TINY);
    }
    return scaled;
  }
}
