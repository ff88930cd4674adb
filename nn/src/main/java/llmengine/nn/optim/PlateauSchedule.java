package llmengine.nn.optim;

import java.util.Map;
import java.util.Set;
import llmengine.engine.FormatException;

/**
 * {@code reduce_lr_on_plateau}: the rate is multiplied by {@code factor} when the metric has not
 * improved for more than {@code patience} evaluations, as PyTorch's ReduceLROnPlateau. There is no
 * warm-up.
 */
final class PlateauSchedule implements Schedule {
  private final boolean larger; // mode max: a larger metric is better
  private final boolean relative; // threshold is a share of the best
  private final double factor;
  private final double threshold;
  private final int patience;
  private final int cooldown;
  private final double minimum;
  private final double epsilon;
  private double rate;
  private double best;
  private int bad; // evaluations without improvement
  private int cooling; // evaluations left in which none is bad

  private PlateauSchedule(double baseRate, SchedulerKwargs kwargs) {
    rate = baseRate;
    larger = kwargs.choice("mode", "min", Set.of("min", "max")).equals("max");
    factor = kwargs.number("factor", 0.1);
    patience = kwargs.count("patience", 10);
    threshold = kwargs.number("threshold", 1e-4);
    relative = kwargs.choice("threshold_mode", "rel", Set.of("rel", "abs")).equals("rel");
    cooldown = kwargs.count("cooldown", 0);
    minimum = kwargs.number("min_lr", 0);
    epsilon = kwargs.number("eps", 1e-8);
    best = larger ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    if (factor >= 1) {
      throw kwargs.bad("factor", "less than 1", factor);
    }
  }

  static PlateauSchedule of(double baseRate, SchedulerKwargs kwargs) {
    return new PlateauSchedule(baseRate, kwargs);
  }

  @Override
  public double rate(int step) {
    return rate;
  }

  @Override
  public void observe(double metric) {
    if (isBetter(metric)) {
      best = metric;
      bad = 0;
    } else {
      bad++;
    }
    if (cooling > 0) {
      cooling--;
      bad = 0;
    }
    if (bad > patience) {
      double lower = Math.max(rate * factor, minimum);
      rate = rate - lower > epsilon ? lower : rate;
      cooling = cooldown;
      bad = 0;
    }
  }

  private boolean isBetter(double metric) {
    if (larger) {
      return metric > (relative ? best * (1 + threshold) : best + threshold);
    }
    return metric < (relative ? best * (1 - threshold) : best - threshold);
  }

  @Override
  public Map<String, Double> state() {
    return Map.of(
        "rate",
        rate,
        "best",
        best,
        "num_bad_epochs",
        (double) bad,
        "cooldown_counter",
        (double) cooling);
  }

  @Override
  public void restore(Map<String, Double> state) {
    Set<String> keys = state().keySet();
    if (!state.keySet().equals(keys)) {
      throw new FormatException(
          "schedule: state of another schedule: expected "
              + keys
              + ", got "
              + state.keySet()
              + ". Resume with the settings the run was started with.");
    }
    rate = state.get("rate");
    best = state.get("best");
    bad = state.get("num_bad_epochs").intValue();
    cooling = state.get("cooldown_counter").intValue();
  }
}
