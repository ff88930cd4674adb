package llmengine.train;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import llmengine.data.TrainingData;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.train.checkpoint.Checkpoints;
import llmengine.train.config.Resume;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;
import llmengine.train.stage.Objective;

/** A run from its configuration to the files in output_dir. */
public final class Training {
  private final RunConfig config;
  private final PrintStream out;
  private final BooleanSupplier interrupted;
  private final Path folder;

  public Training(RunConfig config, PrintStream out, BooleanSupplier interrupted) {
    this.config = config;
    this.out = out;
    this.interrupted = interrupted;
    this.folder = config.outputDir();
  }

  /**
   * Trains, evaluates and saves as configured.
   *
   * @throws TrainException and its like with one message for the user
   */
  public Trainer.End run() {
    config.notes().forEach(out::println);
    Optional<Path> resumeFrom = resumePoint();
    OutputFolder.prepare(folder);
    try (Backend backend = Backends.open(config);
        ModelSession session = ModelSession.open(config);
        TrainingData data =
            TrainingData.load(
                Data.options(config, session), session.tokenizer(), session.template())) {
      Path report = folder.resolve("data_report.jsonl");
      data.report().write(report);
      try (Decoder model = session.load(backend);
          FineTuning method = FineTuning.of(config, session, model, resumeFrom);
          Objective objective =
              new Stages(config, session, model, method).objective(data.train(), resumeFrom);
          Scope scope = new Scope(backend, "optimizer")) {
        if (config.training().bf16()) {
          ModelSession.frozenToBf16(model);
        }
        MemoryPlan plan = Summary.plan(config, model, method, data.train());
        long keep = Backends.keptActivations(config, plan.total());
        model.checkpointing(config.recomputesActivations(), keep);
        Summary.print(out, config, session, model, method, data, plan.keeping(keep), report);
        return new TrainingJob(
                config, out, interrupted, session, data, model, method, objective, scope)
            .run(resumeFrom);
      }
    }
  }

  /** Where to resume from, if anywhere; checks output_dir. */
  private Optional<Path> resumePoint() {
    return switch (config.resume()) {
      case Resume.FromStart ignored -> {
        if (config.training().doTrain() && !config.training().overwriteOutputDir()) {
          OutputFolder.refuseForeignWeights(folder);
        }
        yield Optional.empty();
      }
      case Resume.NewestIfAny ignored -> {
        Optional<Path> newest = Checkpoints.newest(folder);
        if (newest.isEmpty() && config.training().doTrain()) {
          OutputFolder.refuseForeignWeights(folder);
        }
        yield newest;
      }
      case Resume.Newest ignored -> {
        Optional<Path> newest = Checkpoints.newest(folder);
        if (newest.isEmpty()) {
          throw new TrainException(
              "resume_from_checkpoint: expected a checkpoint-N folder in "
                  + folder
                  + ", got none. Remove the key to start anew.");
        }
        yield newest;
      }
      case Resume.From from -> {
        if (!Files.isRegularFile(from.checkpoint().resolve(Checkpoints.STATE))) {
          throw new TrainException(
              "resume_from_checkpoint: "
                  + from.checkpoint()
                  + ": expected a checkpoint folder with "
                  + Checkpoints.STATE
                  + ", got none. Give a checkpoint-N folder.");
        }
        yield Optional.of(from.checkpoint());
      }
    };
  }
}
