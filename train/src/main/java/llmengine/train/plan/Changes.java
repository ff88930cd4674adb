package llmengine.train.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;
import llmengine.train.config.FinetuningArguments.FinetuningType;
import llmengine.train.config.RunConfig;
import llmengine.train.plan.Plan.Change;

/**
 * Looks for changes of a configuration that make its training fit. Each is planned as it would run.
 */
final class Changes {
  private static final int SHORTEST = 128;

  private final List<String> words;
  private final long limit;
  private final ToLongFunction<RunConfig> bytes;
  private final RunConfig now;

  private Changes(List<String> words, long limit, ToLongFunction<RunConfig> bytes) {
    this.words = words;
    this.limit = limit;
    this.bytes = bytes;
    this.now = RunConfig.forTraining(words);
  }

  /**
   * Single changes that fit, the mildest of each kind; if there is none, one combination, if any.
   *
   * @param bytes the planner
   */
  static List<Change> thatFit(List<String> words, long limit, ToLongFunction<RunConfig> bytes) {
    return new Changes(words, limit, bytes).find();
  }

  private List<Change> find() {
    List<Change> fitting = new ArrayList<>();
    firstFit(recomputing()).ifPresent(fitting::add);
    firstFit(halved()).ifPresent(fitting::add);
    firstFit(batches()).ifPresent(fitting::add);
    firstFit(cutoffs()).ifPresent(fitting::add);
    firstFit(adapters()).ifPresent(fitting::add);
    if (fitting.isEmpty()) {
      combined().ifPresent(fitting::add);
    }
    return fitting;
  }

  private List<List<String>> recomputing() {
    return now.recomputesActivations()
        ? List.of()
        : List.of(List.of("disable_gradient_checkpointing=false"));
  }

  private List<List<String>> halved() {
    return now.training().bf16() ? List.of() : List.of(List.of("bf16=true"));
  }

  /** Smaller batches with as many passes more, so that a step still sees the same rows. */
  private List<List<String>> batches() {
    List<List<String>> all = new ArrayList<>();
    int batch = now.training().perDeviceTrainBatchSize();
    int passes = now.training().gradientAccumulationSteps();
    for (int size = batch - 1; size >= 1; size--) {
      if (batch % size == 0) {
        all.add(
            List.of(
                "per_device_train_batch_size=" + size,
                "gradient_accumulation_steps=" + passes * (batch / size)));
      }
    }
    return all;
  }

  private List<List<String>> cutoffs() {
    List<List<String>> all = new ArrayList<>();
    for (int length = now.data().cutoffLen() / 2; length >= SHORTEST; length /= 2) {
      all.add(List.of("cutoff_len=" + length));
    }
    return all;
  }

  private List<List<String>> adapters() {
    return now.finetuning().finetuningType() == FinetuningType.FULL
        ? List.of(List.of("finetuning_type=lora"))
        : List.of();
  }

  /** Everything that leaves the result nearly the same, then shorter rows, then an adapter. */
  private Optional<Change> combined() {
    List<String> mild = new ArrayList<>();
    recomputing().forEach(mild::addAll);
    halved().forEach(mild::addAll);
    if (!batches().isEmpty()) {
      mild.addAll(batches().getLast());
    }
    List<List<String>> candidates = new ArrayList<>(List.of(mild));
    for (List<String> shorter : cutoffs()) {
      candidates.add(joined(mild, shorter));
    }
    for (List<String> adapter : adapters()) {
      candidates.add(joined(mild, adapter));
      for (List<String> shorter : cutoffs()) {
        candidates.add(joined(joined(mild, adapter), shorter));
      }
    }
    return firstFit(candidates);
  }

  private static List<String> joined(List<String> a, List<String> b) {
    List<String> both = new ArrayList<>(a);
    both.addAll(b);
    return both;
  }

  private Optional<Change> firstFit(List<List<String>> candidates) {
    for (List<String> change : candidates) {
      long needed = bytes.applyAsLong(RunConfig.forTraining(joined(words, change)));
      if (needed <= limit) {
        return Optional.of(new Change(String.join(" ", change), needed));
      }
    }
    return Optional.empty();
  }
}
