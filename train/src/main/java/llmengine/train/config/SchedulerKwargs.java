package llmengine.train.config;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import llmengine.train.config.OptimizerArguments.Scheduler;

/** Which parameters each learning-rate schedule takes in {@code lr_scheduler_kwargs}. */
final class SchedulerKwargs {

  private static final List<String> WORDS =
      List.of("warmup_type", "decay_type", "mode", "threshold_mode");

  private SchedulerKwargs() {}

  /** The parameters that transformers' schedule of this name takes. */
  static List<String> of(Scheduler scheduler) {
    return switch (scheduler) {
      case LINEAR, CONSTANT, CONSTANT_WITH_WARMUP -> List.of();
      case COSINE, COSINE_WITH_RESTARTS -> List.of("num_cycles");
      case POLYNOMIAL -> List.of("lr_end", "power");
      case INVERSE_SQRT -> List.of("timescale");
      case REDUCE_LR_ON_PLATEAU ->
          List.of(
              "mode",
              "factor",
              "patience",
              "threshold",
              "threshold_mode",
              "cooldown",
              "min_lr",
              "eps");
      case COSINE_WITH_MIN_LR -> List.of("num_cycles", "min_lr", "min_lr_rate");
      case COSINE_WARMUP_WITH_MIN_LR ->
          List.of("num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate");
      case WARMUP_STABLE_DECAY ->
          List.of(
              "num_stable_steps",
              "num_decay_steps",
              "warmup_type",
              "decay_type",
              "min_lr_ratio",
              "num_cycles");
    };
  }

  /** Given parameters that the schedule does not take. */
  static Set<String> unknown(OptimizerArguments optimizer) {
    Set<String> unknown = new TreeSet<>(optimizer.lrSchedulerKwargs().keySet());
    of(optimizer.lrSchedulerType()).forEach(unknown::remove);
    return unknown;
  }

  /** Given parameters whose value is no number although one is meant. */
  static Set<String> notNumbers(OptimizerArguments optimizer) {
    Set<String> names = new TreeSet<>(optimizer.lrSchedulerKwargs().keySet());
    WORDS.forEach(names::remove);
    names.removeIf(name -> optimizer.lrSchedulerKwargs().get(name) instanceof Number);
    return names;
  }

  /** Whether the schedule ends at a lowest rate that is not given, or given in both ways. */
  static boolean lacksMinimum(OptimizerArguments optimizer) {
    boolean needed =
        optimizer.lrSchedulerType() == Scheduler.COSINE_WITH_MIN_LR
            || optimizer.lrSchedulerType() == Scheduler.COSINE_WARMUP_WITH_MIN_LR;
    Set<String> given = optimizer.lrSchedulerKwargs().keySet();
    return needed && given.contains("min_lr") == given.contains("min_lr_rate");
  }
}
