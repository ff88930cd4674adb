package llmengine.train;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import llmengine.data.batch.BatchIterator;
import llmengine.data.batch.StepBatch;
import llmengine.data.random.EpochOrder;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.NonFiniteException;
import llmengine.nn.optim.Gradients;
import llmengine.nn.optim.Optimizer;
import llmengine.nn.optim.Schedule;
import llmengine.train.callback.TrainingListener;
import llmengine.train.callback.profile.Profiler;
import llmengine.train.config.CheckpointArguments.SaveStrategy;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.Interval;
import llmengine.train.config.RunConfig;
import llmengine.train.ppo.RewardException;
import llmengine.train.stage.Objective;

/**
 * The training loop: batches, gradients, optimizer steps, and after each step what is due: a log
 * line, an evaluation, a checkpoint. Intervals and logged values are those of the Hugging Face
 * Trainer.
 */
public final class Trainer {
  /** How a run ended. */
  public enum End {
    DONE,
    STOPPED_EARLY,
    INTERRUPTED
  }

  private final RunConfig config;
  private final Objective objective;
  private final Optimizer optimizer;
  private final Schedule schedule;
  private final TokenizedDataset data;
  private final Evaluation evaluation;
  private final TrainingListener listener;
  private final BooleanSupplier interrupted;
  private final TrainerState state;
  private final BatchIterator.Plan plan;
  private final int batchesPerEpoch;
  private final long weightsPerToken;
  private final Profiler profiler;
  private int savedStep = -1;
  private double gradientNorm;
  private double learningRate;

  /** The parts of a run; see {@link Training}, which puts them together. */
  record Parts(
      RunConfig config,
      Objective objective,
      Optimizer optimizer,
      Schedule schedule,
      TokenizedDataset data,
      Evaluation evaluation,
      TrainingListener listener,
      BooleanSupplier interrupted,
      TrainerState state,
      long weightsPerToken,
      Profiler profiler) {}

  Trainer(Parts parts) {
    config = parts.config;
    objective = parts.objective;
    optimizer = parts.optimizer;
    schedule = parts.schedule;
    data = parts.data;
    evaluation = parts.evaluation;
    listener = parts.listener;
    interrupted = parts.interrupted;
    state = parts.state;
    plan = plan(config);
    weightsPerToken = parts.weightsPerToken;
    profiler = parts.profiler;
    batchesPerEpoch = Math.ceilDiv(data.size(), plan.batchSize());
  }

  static BatchIterator.Plan plan(RunConfig config) {
    return new BatchIterator.Plan(
        config.training().perDeviceTrainBatchSize(),
        config.training().gradientAccumulationSteps()
            * (config.finetuning().stage() == Stage.PPO ? config.ppo().ppoBufferSize() : 1),
        false);
  }

  /** Optimizer steps of the whole run. */
  static int totalSteps(RunConfig config, int rows) {
    int max = config.training().maxSteps();
    return max > 0
        ? max
        : (int) Math.ceil(config.training().numTrainEpochs() * plan(config).stepsPerEpoch(rows));
  }

  /** Trains from the state's step to the last. */
  End run() {
    EpochOrder order =
        new EpochOrder(data.size(), config.orderSeed(), !config.finetuning().disableShuffling());
    try (BatchIterator batches =
        new BatchIterator(data::get, order::epoch, plan, state.nextEpoch, state.nextPosition)) {
      while (state.step < state.totalSteps) {
        profiler.stepBegins(state.step + 1);
        StepBatch batch = batches.next();
        profiler.rowsAreThere();
        try {
          profiler.watch(() -> step(batch));
        } catch (RewardException noScores) {
          throw new RewardException(noScores, rescued());
        }
        profiler.stepEnds(state.step);
        boolean lastOfEpoch = batch.nextEpoch() > batch.epoch();
        boolean last = state.step >= state.totalSteps;
        boolean stop = afterStep(lastOfEpoch, last);
        boolean asked = interrupted.getAsBoolean();
        if (stop) {
          return End.STOPPED_EARLY;
        }
        if (asked && !last) {
          if (savedStep != state.step) {
            save();
          }
          return End.INTERRUPTED;
        }
      }
    }
    return End.DONE;
  }

  /** Saves what there is of a run whose next step cannot begin; says how to go on. */
  private String rescued() {
    if (state.step == 0) {
      return "Start the server and run the same command again; no step was done yet.";
    }
    if (savedStep != state.step) {
      save(); // the step had changed nothing yet
    }
    return "Start the server again: the same command"
        + (config.training().overwriteOutputDir() ? ", without overwrite_output_dir," : "")
        + " goes on from "
        + config.outputDir().resolve("checkpoint-" + state.step)
        + ".";
  }

  private void step(StepBatch batch) {
    learningRate = schedule.rate(state.step);
    optimizer.begin(learningRate);
    Objective.Outcome outcome;
    try {
      outcome = objective.run(batch, step(false), value -> update(batch, value));
    } catch (NonFiniteException gradient) {
      throw explain(batch, Double.NaN);
    }
    double loss = outcome.loss();
    state.step++;
    state.nextEpoch = batch.nextEpoch();
    state.nextPosition = batch.nextPosition();
    int used =
        Math.ceilDiv(
            batch.nextEpoch() > batch.epoch() ? data.size() : batch.nextPosition(),
            plan.batchSize());
    state.epoch = batch.epoch() + used / (double) batchesPerEpoch;
    state.lossSum += loss;
    state.lossSinceLog += loss;
    outcome.sums().forEach((name, sum) -> state.sums.merge(name, sum, Double::sum));
    state.tokensSeen += batch.tokens();
    state.floatingPointOperations += 6.0 * batch.tokens() * weightsPerToken;
    listener.onStep(state, loss, batch.tokens());
  }

  private void update(StepBatch batch, double loss) {
    profiler.optimizerBegins();
    gradientNorm = optimizer.gradientNorm();
    if (!Double.isFinite(loss) || !Double.isFinite(gradientNorm)) {
      throw explain(batch, loss);
    }
    optimizer.step(
        learningRate, Gradients.clipFactor(gradientNorm, config.optimizer().maxGradNorm()));
    optimizer.release();
    profiler.optimizerEnds();
  }

  private Objective.Step step(boolean checked) {
    // the Trainer of transformers 5.2 divides the gradients, not the loss, once more
    double divided = config.engine().accumulationDividesGradients() ? plan.accumulation() : 1;
    return new Objective.Step(state.step, divided, checked);
  }

  /**
   * Repeats the step with every value looked at, to say where the first NaN or infinity came from.
   */
  private TrainException explain(StepBatch batch, double loss) {
    optimizer.abandon();
    String where =
        "step "
            + (state.step + 1)
            + ", epoch "
            + batch.epoch()
            + ", rows "
            + (batch.nextPosition() == 0 ? "up to the end" : "up to " + batch.nextPosition());
    String advice =
        " Lower learning_rate, or look at these rows; the last checkpoint is untouched.";
    try {
      objective.run(batch, step(true), value -> optimizer.release());
    } catch (NonFiniteException e) {
      return new TrainException(where + ": " + e.getMessage() + advice, e);
    }
    return new TrainException(
        where
            + ": expected finite loss and gradients, got loss "
            + loss
            + " and gradient norm "
            + gradientNorm
            + "."
            + advice);
  }

  /** Logs, evaluates and saves what is due; true if the run should stop early. */
  private boolean afterStep(boolean lastOfEpoch, boolean last) {
    if (due(config.logging().loggingStrategy(), loggingSteps(), lastOfEpoch)
        || state.step == 1 && config.logging().loggingFirstStep()) {
      log();
    }
    boolean stop = false;
    boolean better = false;
    if (due(
        config.evaluation().evalStrategy(), config.evalSteps().of(state.totalSteps), lastOfEpoch)) {
      Map<String, Object> metrics = evaluation.run();
      record(metrics);
      listener.onEvaluate(state, metrics);
      better = judge(metrics);
      stop = shouldStop();
    }
    if (saveDue(lastOfEpoch, last || stop, better)) {
      save();
    }
    return stop;
  }

  private void save() {
    savedStep = state.step;
    state.schedulerState = schedule.state();
    state.objective = objective.state();
    listener.onSave(state, optimizer);
  }

  private int loggingSteps() {
    return config.logging().loggingSteps().of(state.totalSteps);
  }

  private boolean due(Interval interval, int steps, boolean lastOfEpoch) {
    return switch (interval) {
      case NO -> false;
      case STEPS -> state.step % steps == 0;
      case EPOCH -> lastOfEpoch;
    };
  }

  private boolean saveDue(boolean lastOfEpoch, boolean last, boolean better) {
    SaveStrategy strategy = config.checkpoint().saveStrategy();
    return switch (strategy) {
      case NO -> false;
      case STEPS -> last || state.step % config.checkpoint().saveSteps().of(state.totalSteps) == 0;
      case EPOCH -> lastOfEpoch;
      case BEST -> better;
    };
  }

  private void log() {
    int steps = state.step - state.lastLoggedStep;
    if (steps == 0) {
      return;
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("epoch", state.epoch);
    line.put("grad_norm", gradientNorm);
    line.put("learning_rate", learningRate);
    line.put("loss", state.lossSinceLog / steps);
    line.putAll(objective.metrics(state.sums, ""));
    state.sums.clear();
    switch (config.logging().includeNumInputTokensSeen()) {
      case NO -> {}
      case ALL, NON_PADDING -> line.put("num_input_tokens_seen", state.tokensSeen);
    }
    state.lossSinceLog = 0;
    state.lastLoggedStep = state.step;
    record(line);
    listener.onLog(state, line);
  }

  private void record(Map<String, Object> metrics) {
    Map<String, Object> line = new LinkedHashMap<>(metrics);
    line.put("epoch", state.epoch);
    line.put("step", state.step);
    state.logHistory.add(line);
  }

  /**
   * Notes whether this evaluation is the best so far, and lets a scheduler that follows the metric
   * know.
   */
  private boolean judge(Map<String, Object> metrics) {
    if (config.bestMetric().isEmpty()) {
      return false;
    }
    String name = config.bestMetric().get();
    if (!(metrics.get(name) instanceof Number n)) {
      throw new TrainException(
          "metric_for_best_model: no such metric: expected one of "
              + metrics.keySet()
              + ", got "
              + name
              + ".");
    }
    double value = n.doubleValue();
    schedule.observe(value);
    boolean better =
        state.bestMetric.isEmpty()
            || (config.greaterIsBetter()
                ? value > state.bestMetric.get()
                : value < state.bestMetric.get());
    if (better) {
      state.bestMetric = Optional.of(value);
      state.bestStep = state.step;
      state.evaluationsWithoutGain = 0;
    } else {
      state.evaluationsWithoutGain++;
    }
    return better;
  }

  private boolean shouldStop() {
    return config
        .finetuning()
        .earlyStoppingSteps()
        .filter(patience -> state.evaluationsWithoutGain >= patience)
        .isPresent();
  }
}
