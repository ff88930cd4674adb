package llmengine.train.config;

import java.util.List;

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
            choices = {"none"},
            later = {
              "all",
              "wandb",
              "tensorboard",
              "mlflow",
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
            doc = "Experiment trackers. There are none yet: null, [] and none report to nobody.")
        List<String> reportTo) {

  /** Which input tokens are counted. */
  public enum TokensSeen {
    NO,
    ALL,
    NON_PADDING
  }
}
