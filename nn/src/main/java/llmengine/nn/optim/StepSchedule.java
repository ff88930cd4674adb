package llmengine.nn.optim;

import java.util.Map;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import llmengine.engine.FormatException;

/**
 * Schedules that are functions of the step alone, with the formulas of transformers' {@code
 * optimization.py}; T is the number of steps, w the warm-up.
 */
record StepSchedule(double baseRate, IntToDoubleFunction factor) implements Schedule {
  private static final Set<String> SHAPES = Set.of("linear", "cosine", "1-sqrt");

  @Override
  public double rate(int step) {
    return baseRate * factor.applyAsDouble(step);
  }

  @Override
  public void observe(double metric) {}

  @Override
  public Map<String, Double> state() {
    return Map.of();
  }

  @Override
  public void restore(Map<String, Double> state) {
    if (!state.isEmpty()) {
      throw new FormatException(
          "schedule: state of another schedule: expected none, got "
              + state.keySet()
              + ". Resume with the settings the run was started with.");
    }
  }

  /** The share of the base rate by step. */
  static IntToDoubleFunction factor(
      String name, double baseRate, int total, int warmup, SchedulerKwargs kwargs) {
    return switch (name) {
      case "linear" ->
          warm(warmup, k -> Math.max(0, (double) (total - k) / Math.max(1, total - warmup)));
      case "cosine" -> {
        double cycles = kwargs.number("num_cycles", 0.5);
        yield warm(warmup, k -> Math.max(0, cosine(cycles, progress(k, warmup, total))));
      }
      case "cosine_with_restarts" -> {
        double cycles = kwargs.number("num_cycles", 1);
        yield warm(warmup, k -> restarts(cycles, progress(k, warmup, total)));
      }
      case "polynomial" -> polynomial(baseRate, total, warmup, kwargs);
      case "constant" -> k -> 1; // no warm-up, whatever is asked for
      case "constant_with_warmup" -> warm(warmup, k -> 1);
      case "inverse_sqrt" -> {
        double timescale = kwargs.number("timescale", warmup > 0 ? warmup : 10_000);
        if (timescale <= 0) {
          throw kwargs.bad("timescale", "a number above 0", timescale);
        }
        yield warm(warmup, k -> 1 / Math.sqrt((k + timescale - warmup) / timescale));
      }
      case "cosine_with_min_lr" -> {
        double cycles = kwargs.number("num_cycles", 0.5);
        double min = minimum(baseRate, kwargs);
        yield warm(
            warmup, k -> Math.max(0, above(min, cosine(cycles, progress(k, warmup, total)))));
      }
      case "cosine_warmup_with_min_lr" -> cosineWarmup(baseRate, total, warmup, kwargs);
      case "warmup_stable_decay" -> stable(total, warmup, kwargs);
      default ->
          throw new FormatException(
              "lr_scheduler_type: unknown schedule: expected linear, cosine, cosine_with_restarts,"
                  + " polynomial, constant, constant_with_warmup, inverse_sqrt,"
                  + " cosine_with_min_lr, cosine_warmup_with_min_lr, warmup_stable_decay or"
                  + " reduce_lr_on_plateau, got "
                  + name
                  + ".");
    };
  }

  private static IntToDoubleFunction polynomial(
      double baseRate, int total, int warmup, SchedulerKwargs kwargs) {
    double end = kwargs.number("lr_end", 1e-7);
    double power = kwargs.number("power", 1);
    if (end >= baseRate && baseRate > 0) {
      throw kwargs.bad("lr_end", "less than the learning rate " + baseRate, end);
    }
    return warm(
        warmup,
        k -> {
          if (baseRate == 0) {
            return 0;
          }
          double left = k > total ? 0 : 1 - progress(k, warmup, total);
          return ((baseRate - end) * Math.pow(left, power) + end) / baseRate;
        });
  }

  /** The warm-up starts above 0 and the cosine runs one step ahead of the other schedules. */
  private static IntToDoubleFunction cosineWarmup(
      double baseRate, int total, int warmup, SchedulerKwargs kwargs) {
    double cycles = kwargs.number("num_cycles", 0.5);
    double min = minimum(baseRate, kwargs);
    boolean fromRate = kwargs.has("warmup_lr_rate");
    double start = kwargs.number("warmup_lr_rate", 0);
    return k -> {
      if (k >= warmup) {
        return Math.max(0, above(min, cosine(cycles, progress(k + 1, warmup, total))));
      }
      return fromRate
          ? start + (1 - start) * k / Math.max(1, warmup - 1)
          : (k + 1.0) / Math.max(1, warmup);
    };
  }

  /** Rise, plateau and decay; a third of the steps after the warm-up is stable by default. */
  private static IntToDoubleFunction stable(int total, int warmup, SchedulerKwargs kwargs) {
    int remaining = Math.max(0, total - warmup);
    int stable = kwargs.count("num_stable_steps", remaining / 3);
    int decay = kwargs.count("num_decay_steps", remaining - remaining / 3);
    String rise = kwargs.choice("warmup_type", "linear", SHAPES);
    String fall = kwargs.choice("decay_type", "cosine", SHAPES);
    double min = kwargs.number("min_lr_ratio", 0);
    double cycles = kwargs.number("num_cycles", 0.5);
    return k -> {
      if (k < warmup) {
        double p = (double) k / Math.max(1, warmup);
        double f =
            switch (rise) {
              case "linear" -> p;
              case "cosine" -> 0.5 * (1 - Math.cos(Math.PI * p));
              default -> 1 - Math.sqrt(1 - p);
            };
        return Math.max(0, above(min, f));
      }
      if (k < warmup + stable) {
        return 1;
      }
      if (k >= warmup + stable + decay) {
        return min;
      }
      double p = (double) (k - warmup - stable) / Math.max(1, decay);
      double f =
          switch (fall) {
            case "linear" -> 1 - p;
            case "cosine" -> cosine(cycles, p);
            default -> 1 - Math.sqrt(p);
          };
      return Math.max(0, above(min, f));
    };
  }

  private static double minimum(double baseRate, SchedulerKwargs kwargs) {
    return Schedule.minimum(kwargs, baseRate)
        .orElseThrow(
            () -> kwargs.bad("min_lr", "exactly one of min_lr and min_lr_rate", "none or both"));
  }

  private static IntToDoubleFunction warm(int warmup, IntToDoubleFunction after) {
    return k -> k < warmup ? (double) k / Math.max(1, warmup) : after.applyAsDouble(k);
  }

  private static double progress(int k, int warmup, int total) {
    return (double) (k - warmup) / Math.max(1, total - warmup);
  }

  private static double cosine(double cycles, double p) {
    return 0.5 * (1 + Math.cos(Math.PI * 2 * cycles * p));
  }

  private static double restarts(double cycles, double p) {
    return p >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (cycles * p % 1))));
  }

  private static double above(double min, double f) {
    return f * (1 - min) + min;
  }
}
