package llmengine.train.plan;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.nn.load.Pretrained;
import llmengine.nn.model.DecoderSpec;
import llmengine.quant.WeightQuantizer;
import llmengine.train.MemoryPlan;
import llmengine.train.OptimizerMemory;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;
import llmengine.train.plan.WeightList.Weight;

/**
 * What a training run will take, from the configuration, the headers of the checkpoint and a short
 * trial of this machine; no weight is read.
 *
 * @param model its folder or file
 * @param parameters of the model
 * @param trained parameters
 * @param rows the data
 * @param memory at the peak
 * @param limit bytes that the run may take
 * @param checkpointBytes of one checkpoint on disk
 * @param steps of the run; empty if the data were not counted
 * @param tokensPerStep on average
 * @param secondsPerStep estimated
 * @param rate floating-point operations a second of this machine in products of the model's size
 * @param fitting changes of the configuration under which the run fits, if it does not
 */
public record Plan(
    Path model,
    long parameters,
    long trained,
    RowCounts rows,
    MemoryPlan memory,
    long limit,
    long checkpointBytes,
    OptionalLong steps,
    double tokensPerStep,
    double secondsPerStep,
    double rate,
    List<Change> fitting) {

  /**
   * Words to add to the command, and what the run takes then.
   *
   * @param words as {@code key=value ...}
   */
  public record Change(String words, long bytes) {}

  /**
   * Time of products in the time of a whole step: norms, activations, the optimizer take the rest.
   */
  private static final double PRODUCTS_SHARE = 0.6;

  /** The plan of the training that {@code words} configure. */
  public static Plan of(List<String> words) {
    RunConfig config = RunConfig.forTraining(words);
    try (ModelSession session = ModelSession.open(config)) {
      Estimate estimate = new Estimate(session);
      RowCounts rows = RowCounts.of(config, session);
      MemoryPlan memory = estimate.memory(config, rows);
      long limit = Backends.memoryLimit(config);
      TrainedPart part = estimate.trained(config);
      long trained = estimate.trainedElements(part);
      int batch = config.training().perDeviceTrainBatchSize();
      double rowsPerStep = (double) batch * config.training().gradientAccumulationSteps();
      double tokens = rowsPerStep * rows.tokens();
      double rate;
      try (Backend backend = Backends.open(config)) {
        rate =
            ProductTrial.rate(
                backend,
                (int) Math.min(Integer.MAX_VALUE, batch * Math.max(1, rows.tokens())),
                estimate.spec.width(),
                estimate.spec.feedForward(),
                estimate.matrixType(config),
                estimate.quantizer);
      }
      double work =
          StepWork.perToken(
              estimate.spec,
              estimate.weights,
              part,
              rows.tokens(),
              rows.learned(),
              memory.recomputedShare());
      return new Plan(
          session.files().path(),
          estimate.weights.stream().mapToLong(Weight::size).sum(),
          trained,
          rows,
          memory,
          limit,
          checkpointBytes(
              config,
              trained,
              OptimizerMemory.of(config, estimate.spec, estimate.trainedWeights(part)).state()),
          steps(config, rows, rowsPerStep),
          tokens,
          tokens * work / rate / PRODUCTS_SHARE,
          rate,
          memory.total() <= limit
              ? List.of()
              : Changes.thatFit(words, limit, c -> estimate.memory(c, rows).total()));
    }
  }

  public boolean fits() {
    return memory.total() <= limit;
  }

  /** Of the whole run; empty if the number of steps is not known. */
  public OptionalDouble seconds() {
    return steps.isPresent()
        ? OptionalDouble.of(steps.getAsLong() * secondsPerStep)
        : OptionalDouble.empty();
  }

  private static OptionalLong steps(RunConfig config, RowCounts rows, double rowsPerStep) {
    int max = config.training().maxSteps();
    if (max > 0) {
      return OptionalLong.of(max);
    }
    return rows.rows().isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(
            (long)
                Math.ceil(
                    config.training().numTrainEpochs()
                        * Math.ceil(rows.rows().getAsLong() / rowsPerStep)));
  }

  private static long checkpointBytes(RunConfig config, long trained, long moments) {
    return 4 * trained + (config.checkpoint().saveOnlyModel() ? 0 : moments);
  }

  /** The planner of one checkpoint, for any configuration of its training. */
  private static final class Estimate {
    private static final long PIECE = 1 << 30; // a tensor has fewer than 2^31 elements

    private final DecoderSpec spec;
    private final List<Weight> weights;
    private final List<StoredTypes.Stored> stored;
    private final Optional<WeightQuantizer> quantizer;

    Estimate(ModelSession session) {
      spec = session.spec();
      weights = WeightList.of(spec);
      stored = StoredTypes.of(session.files(), weights);
      quantizer = session.quantizer();
    }

    TrainedPart trained(RunConfig config) {
      return TrainedPart.of(config, weights, spec.layers().size());
    }

    /** Weights of the model and of adapters that are trained. */
    List<OptimizerMemory.Trained> trainedWeights(TrainedPart part) {
      List<OptimizerMemory.Trained> trained = new ArrayList<>();
      for (Weight w : weights) {
        if (part.weights().contains(w.name())) {
          trained.add(new OptimizerMemory.Trained(w.name(), w.rows(), w.cols()));
        }
      }
      for (long rest = part.added(); rest > 0; rest -= PIECE) {
        trained.add(new OptimizerMemory.Trained("adapters", Math.min(rest, PIECE), 0));
      }
      return trained;
    }

    long trainedElements(TrainedPart part) {
      long sum = part.added();
      for (Weight w : weights) {
        sum += part.weights().contains(w.name()) ? w.size() : 0;
      }
      return sum;
    }

    /** Dtype in which most of the frozen weights are kept, F32 for packed ones. */
    DType matrixType(RunConfig config) {
      DType first = stored.getFirst().dtype();
      return config.training().bf16() && first == DType.F32 ? DType.BF16 : first.writable();
    }

    private long frozenBytes(RunConfig config, Weight w, StoredTypes.Stored stored) {
      DType type = stored.dtype();
      if (type == DType.PACKED && stored.bytes() < 2 * w.size()) {
        return stored.bytes();
      } else if (quantizer.isPresent()
          && Pretrained.isQuantizable(w.name(), w.isMatrix() ? 2 : 1)) {
        return quantizer.get().bytes((int) w.rows(), (int) w.cols());
      }
      boolean halved = config.training().bf16() && w.isMatrix() && type == DType.F32;
      return halved ? w.size() * DType.BF16.bytes() : stored.bytes();
    }

    MemoryPlan memory(RunConfig config, RowCounts counted) {
      TrainedPart part = trained(config);
      long frozen = 0;
      for (int i = 0; i < weights.size(); i++) {
        Weight w = weights.get(i);
        if (!part.weights().contains(w.name())) {
          frozen += frozenBytes(config, w, stored.get(i));
        }
      }
      RowCounts rows = counted.cutTo(config.data().cutoffLen());
      MemoryPlan plan =
          MemoryPlan.of(
              new MemoryPlan.Shape(
                  spec,
                  frozen,
                  trainedElements(part),
                  OptimizerMemory.of(config, spec, trainedWeights(part)),
                  config.training().perDeviceTrainBatchSize() * rows.longest(),
                  part.floatsPerBlock(),
                  config.recomputesActivations()));
      return plan.keeping(Backends.keptActivations(config, plan.total()));
    }
  }
}
