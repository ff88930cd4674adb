package llmengine.nn.optim;

import java.util.Map;
import java.util.OptionalDouble;

/**
 * The learning rate over a run, by the names of {@code lr_scheduler_type}. Step k, from 0, uses
 * {@link #rate}(k).
 */
public sealed interface Schedule permits StepSchedule, PlateauSchedule {
  /** The learning rate of optimizer step {@code step}, from 0; defined beyond the last step too. */
  double rate(int step);

  /**
   * Tells the result of an evaluation, after which {@code reduce_lr_on_plateau} may lower the rate.
   * Others ignore it.
   *
   * @param metric what {@code metric_for_best_model} names, the evaluation loss by default
   */
  void observe(double metric);

  /** What a resumed run needs beside the step number, by name; empty for functions of the step. */
  Map<String, Double> state();

  /** Takes {@link #state} over. */
  void restore(Map<String, Double> state);

  /**
   * A schedule by name.
   *
   * @param name a value of {@code lr_scheduler_type}
   * @param baseRate {@code learning_rate}
   * @param totalSteps optimizer steps of the run
   * @param warmupSteps see {@link #warmupSteps}
   * @param kwargs {@code lr_scheduler_kwargs}: numbers and texts by name
   * @throws llmengine.engine.FormatException for an unknown name, or a parameter that is unknown,
   *     missing or out of range
   */
  static Schedule of(
      String name, double baseRate, int totalSteps, int warmupSteps, Map<String, Object> kwargs) {
    SchedulerKwargs values = new SchedulerKwargs(name, kwargs);
    Schedule schedule =
        name.equals("reduce_lr_on_plateau")
            ? PlateauSchedule.of(baseRate, values)
            : new StepSchedule(
                baseRate, StepSchedule.factor(name, baseRate, totalSteps, warmupSteps, values));
    values.finish();
    return schedule;
  }

  /** {@code warmup_steps} if above 0, else {@code warmup_ratio} of all steps, rounded up. */
  static int warmupSteps(int totalSteps, int warmupSteps, double warmupRatio) {
    return warmupSteps > 0 ? warmupSteps : (int) Math.ceil(totalSteps * warmupRatio);
  }

  /** The lowest rate as a share of the base rate, from one of two ways to give it. */
  static OptionalDouble minimum(SchedulerKwargs kwargs, double baseRate) {
    boolean rate = kwargs.has("min_lr");
    boolean share = kwargs.has("min_lr_rate");
    double min = kwargs.number("min_lr", 0);
    double fromRate = baseRate == 0 ? 0 : min / baseRate;
    double fromShare = kwargs.number("min_lr_rate", 0);
    return rate == share ? OptionalDouble.empty() : OptionalDouble.of(rate ? fromRate : fromShare);
  }
}
