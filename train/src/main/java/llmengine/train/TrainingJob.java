package llmengine.train;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import llmengine.data.TrainingData;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.optim.Optimizer;
import llmengine.nn.optim.Schedule;
import llmengine.train.callback.ConsoleProgress;
import llmengine.train.callback.LossPlot;
import llmengine.train.callback.TrainerLog;
import llmengine.train.callback.TrainingListener;
import llmengine.train.callback.profile.Profiler;
import llmengine.train.callback.tracker.Reporting;
import llmengine.train.callback.tracker.Trackers;
import llmengine.train.checkpoint.Checkpoints;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.checkpoint.ModelCard;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.OptimizerArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;
import llmengine.train.stage.Objective;
import llmengine.train.stage.RewardModel;

/** A run whose model and data are open: training, the files it leaves, and evaluation. */
final class TrainingJob {
  private final RunConfig config;
  private final PrintStream out;
  private final BooleanSupplier interrupted;
  private final ModelSession session;
  private final TrainingData data;
  private final Decoder model;
  private final FineTuning method;
  private final Scope scope;
  private final Path folder;
  private final Evaluation evaluation;
  private final Prediction prediction;
  private final Objective objective;
  private final Map<String, Object> allResults = new LinkedHashMap<>();

  TrainingJob(
      RunConfig config,
      PrintStream out,
      BooleanSupplier interrupted,
      ModelSession session,
      TrainingData data,
      Decoder model,
      FineTuning method,
      Objective objective,
      Scope scope) {
    this.config = config;
    this.out = out;
    this.interrupted = interrupted;
    this.session = session;
    this.data = data;
    this.model = model;
    this.method = method;
    this.scope = scope;
    this.folder = config.outputDir();
    this.objective = objective;
    prediction = new Prediction(config, session, model);
    evaluation =
        new Evaluation(
            objective,
            data.eval(),
            config.training().perDeviceEvalBatchSize(),
            config.evaluation().predictWithGenerate() ? Optional.of(prediction) : Optional.empty());
  }

  Trainer.End run(Optional<Path> resumeFrom) {
    try {
      Trainer.End end = Trainer.End.DONE;
      if (config.training().doTrain()) {
        end = train(resumeFrom);
      }
      if (end != Trainer.End.INTERRUPTED) {
        if (config.evaluates()) {
          evaluate();
        }
        if (config.training().doPredict()) {
          predict();
        }
        if (config.training().doTrain()) {
          finish();
        }
      }
      return end;
    } catch (IOException e) {
      throw new TrainException(
          folder
              + ": can't be written: expected room and permission, got: "
              + e.getMessage()
              + ". Checkpoints written so far are intact.",
          e);
    }
  }

  private Trainer.End train(Optional<Path> resumeFrom) throws IOException {
    try (Trackers trackers = Reporting.of(config, System.getenv(), out::println);
        Profiler profiler = Profiler.of(config, out::println)) {
      return train(resumeFrom, trackers, profiler);
    }
  }

  private Trainer.End train(Optional<Path> resumeFrom, Trackers trackers, Profiler profiler)
      throws IOException {
    TrainerState state = new TrainerState();
    int total = Trainer.totalSteps(config, data.train().size());
    Optimizer optimizer = Optimizers.of(config, model, scope, Optimizers.groups(config, trained()));
    if (config.isLayerwise() && config.optimizer().maxGradNorm() > 0) {
      out.println(
          "layerwise updates come before the norm of all gradients is known: max_grad_norm is not"
              + " applied");
    }
    Schedule schedule = schedule(total);
    if (resumeFrom.isPresent()) {
      state = resumed(resumeFrom.get(), optimizer, schedule);
    } else if (config.training().overwriteOutputDir()) {
      OutputFolder.forgetCheckpoints(folder);
    }
    state.totalSteps = total;
    Checkpoints checkpoints = new Checkpoints(folder, config, this::save);
    int startStep = state.step;
    long startTokens = state.tokensSeen;
    TrainingListener listener =
        TrainingListener.all(
            List.of(
                new TrainerLog(folder.resolve("trainer_log.jsonl"), startStep),
                new ConsoleProgress(
                    out,
                    model.backend().memory(),
                    Backends.memoryLimit(config),
                    System.console() != null && System.console().isTerminal(),
                    startStep,
                    objective.hasPerplexity()),
                trackers,
                checkpoints));
    if (startStep == 0) {
      method.started(folder);
    }
    List<String> prompts = config.engine().samplePrompts();
    List<String> before = SampleAnswers.of(session, model, prompts);
    long start = System.nanoTime();
    Trainer.End end =
        new Trainer(
                new Trainer.Parts(
                    config,
                    objective,
                    optimizer,
                    schedule,
                    data.train(),
                    evaluation,
                    listener,
                    interrupted,
                    state,
                    method.weightsPerToken(),
                    profiler))
            .run();
    double seconds = (System.nanoTime() - start) / 1e9;
    if (end == Trainer.End.INTERRUPTED) {
      out.println(
          "stopped after step "
              + state.step
              + "; "
              + folder.resolve("checkpoint-" + state.step)
              + " is saved. The same command goes on from there"
              + (config.training().overwriteOutputDir() ? " without overwrite_output_dir." : "."));
      return end;
    }
    if (config.evaluation().loadBestModelAtEnd() && state.bestCheckpoint.isPresent()) {
      Path best = Path.of(state.bestCheckpoint.get());
      method.load(best);
      objective.load(best);
      out.println("best checkpoint: " + state.bestCheckpoint.get());
    }
    summarize(state, checkpoints, listener, seconds, startStep, startTokens);
    SampleAnswers.print(out, prompts, before, SampleAnswers.of(session, model, prompts));
    return end;
  }

  private void summarize(
      TrainerState state,
      Checkpoints checkpoints,
      TrainingListener listener,
      double seconds,
      int startStep,
      long startTokens)
      throws IOException {
    double rows =
        config.training().maxSteps() > 0
            ? (double) state.totalSteps
                * config.training().perDeviceTrainBatchSize()
                * config.training().gradientAccumulationSteps()
            : config.training().numTrainEpochs() * data.train().size();
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("epoch", state.epoch);
    line.put("total_flos", state.floatingPointOperations);
    line.put("train_loss", state.lossSum / Math.max(1, state.step));
    line.put("train_runtime", Evaluation.rounded(seconds, 4));
    line.put("train_samples_per_second", Evaluation.rounded(rows / seconds, 3));
    line.put(
        "train_steps_per_second", Evaluation.rounded((state.totalSteps - startStep) / seconds, 3));
    Map<String, Object> logged = new LinkedHashMap<>(line);
    logged.put("step", state.step);
    state.logHistory.add(logged);
    listener.onEnd(state, line);
    if (config.finetuning().includeEffectiveTokensPerSecond()) {
      line.put(
          "effective_tokens_per_sec",
          Evaluation.rounded(
              data.report().counts().get("train").tokens() * state.epoch / seconds, 4));
    }
    save(folder);
    method.finished(folder);
    JsonFiles.writeMetrics(folder.resolve("train_results.json"), line);
    allResults.putAll(line);
    JsonFiles.writeMetrics(folder.resolve("all_results.json"), allResults);
    checkpoints.writeState(folder.resolve(Checkpoints.STATE), state);
    logHistory = state.logHistory;
    if (config.finetuning().plotLoss()) {
      LossPlot.draw(folder, state.logHistory, plots());
    }
    out.println(
        String.format(
            Locale.ROOT,
            "trained %d steps in %.1f s: loss %.4f, %.2f rows/s, %.0f tokens/s, tensors at most"
                + " %.2f GB; saved to %s",
            state.step - startStep,
            seconds,
            state.lossSum / Math.max(1, state.step),
            rows / seconds,
            (state.tokensSeen - startTokens) / seconds,
            (model.backend().memory().peak() + model.backend().memory().mapped()) / 1e9,
            folder));
  }

  private List<Map<String, Object>> logHistory = List.of();

  private List<String> plots() {
    List<String> keys = new ArrayList<>(List.of("loss"));
    List<String> evaluated = new ArrayList<>(List.of("eval_loss"));
    for (String key : objective.plots()) {
      (key.startsWith("eval_") ? evaluated : keys).add(key);
    }
    for (String set : data.eval().keySet()) {
      for (String key : evaluated) {
        keys.add(set.isEmpty() ? key : "eval_" + set + key.substring("eval".length()));
      }
    }
    return keys;
  }

  private List<Parameter> trained() {
    List<Parameter> all = new ArrayList<>(method.trainable());
    all.addAll(objective.parameters());
    return all;
  }

  private void save(Path to) throws IOException {
    method.save(to);
    objective.save(to);
  }

  private void evaluate() throws IOException {
    Map<String, Object> metrics = new LinkedHashMap<>(evaluation.run());
    if (config.finetuning().stage() == Stage.PT) {
      for (String name : List.copyOf(metrics.keySet())) {
        if (name.endsWith("_loss")) {
          metrics.put(
              name.substring(0, name.length() - 4) + "perplexity",
              Math.exp(((Number) metrics.get(name)).doubleValue()));
        }
      }
    }
    if (allResults.get("epoch") != null) {
      metrics.put("epoch", allResults.get("epoch"));
    }
    JsonFiles.writeMetrics(folder.resolve("eval_results.json"), metrics);
    allResults.putAll(metrics);
    JsonFiles.writeMetrics(folder.resolve("all_results.json"), allResults);
    printScores(metrics);
  }

  private void predict() throws IOException {
    Map<String, Object> metrics = new LinkedHashMap<>();
    for (Map.Entry<String, TokenizedDataset> set : data.eval().entrySet()) {
      String name = set.getKey();
      Path file = folder.resolve(Prediction.fileName(name));
      String prefix = name.isEmpty() ? "predict" : "predict_" + name;
      metrics.putAll(
          objective instanceof RewardModel scorer
              ? evaluation.score(prefix, set.getValue(), scorer, file)
              : prediction.run(prefix, set.getValue(), file));
      out.println("predictions  " + set.getValue().size() + " answers in " + file);
    }
    JsonFiles.writeMetrics(folder.resolve("predict_results.json"), metrics);
    allResults.putAll(metrics);
    JsonFiles.writeMetrics(folder.resolve("all_results.json"), allResults);
    printScores(metrics);
  }

  private void printScores(Map<String, Object> metrics) {
    metrics.forEach(
        (name, value) -> {
          if (name.matches(
              ".*(_loss|perplexity|_rouge-[12l]|_bleu-4|accuracy|rewards/(accuracies|margins))")) {
            double number = ((Number) value).doubleValue();
            out.println(String.format(Locale.ROOT, "%s %.4f", name, number));
          }
        });
  }

  private void finish() throws IOException {
    Path name = folder.toAbsolutePath().getFileName();
    JsonFiles.writeText(
        folder.resolve("README.md"), ModelCard.text(name.toString(), config, logHistory));
  }

  private TrainerState resumed(Path from, Optimizer optimizer, Schedule schedule) {
    Path file = from.resolve(Checkpoints.STATE);
    TrainerState state = TrainerState.fromJson(file.toString(), JsonFiles.read(file));
    Path saved = from.resolve(Checkpoints.OPTIMIZER);
    if (!Files.isRegularFile(saved)) {
      throw new TrainException(
          from
              + ": can't be resumed: expected "
              + Checkpoints.OPTIMIZER
              + ", got none (it was saved"
              + " with save_only_model). Start anew with overwrite_output_dir: true.");
    }
    optimizer.restore(saved);
    // the run may have been moved, or output_dir may be spelled another way now
    state.bestCheckpoint =
        state.bestCheckpoint.map(
            best -> {
              Path here = from.resolveSibling(Path.of(best).getFileName());
              return Files.isDirectory(here) ? here.toString() : best;
            });
    schedule.restore(state.schedulerState);
    objective.restore(state.objective);
    out.println("resuming from " + from + " at step " + state.step);
    return state;
  }

  private Schedule schedule(int total) {
    OptimizerArguments o = config.optimizer();
    return Schedule.of(
        o.lrSchedulerType().key(),
        o.learningRate(),
        total,
        o.warmupStepsOf(total),
        o.lrSchedulerKwargs());
  }
}
