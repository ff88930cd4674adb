package llmengine.train.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What is logged during training, and when. */
@Section(value = "Logging", trainingOnly = true)
public record LoggingArguments(
    @Key(preset = "steps", doc = "When to log.") Interval loggingStrategy,
    @Key(preset = "500", doc = "Steps between log lines, or a share of the run below 1.")
        Steps loggingSteps,
    @Key(preset = "false", doc = "Logs step 1 as well.") boolean loggingFirstStep,
    @Key(
            preset = "false",
            alias = {"true=all", "false=no"},
            doc = "Adds the tokens seen to the log: all, or without padding.")
        TokensSeen includeNumInputTokensSeen,
    @Key(
            preset = "[]",
            choices = {"none", "tensorboard", "mlflow"},
            later = {
              "all",
              "wandb",
              "neptune",
              "comet_ml",
              "clearml",
              "swanlab",
              "trackio",
              "dvclive",
              "codecarbon",
              "flyte",
              "azure_ml",
              "dagshub"
            },
            instead =
                "Set report_to: tensorboard or mlflow, or webhook_url; trainer_log.jsonl has every"
                    + " line.",
            doc =
                "Experiment trackers; null, [] and none report to nobody. mlflow takes its server"
                    + " from MLFLOW_TRACKING_URI. One that is down never stops a run.")
        List<String> reportTo,
    @Key(doc = "Folder of TensorBoard's event file; null is output_dir/runs/<time>_<host>.")
        Optional<Path> loggingDir,
    @Key(doc = "Name of the run for trackers; null is that of output_dir.")
        Optional<String> runName,
    @Key(
            own = true,
            doc =
                "Address that gets a JSON message at the start, for each log line and at the end.")
        Optional<String> webhookUrl) {

  /** Which input tokens are counted. */
  public enum TokensSeen {
    NO,
    ALL,
    NON_PADDING
  }
}
