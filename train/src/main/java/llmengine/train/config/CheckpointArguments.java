package llmengine.train.config;

import java.util.Optional;

/** When and what is saved during training. */
@Section(value = "Checkpoints", trainingOnly = true)
public record CheckpointArguments(
    @Key(preset = "steps", doc = "When to save; best saves whenever the metric improves.")
        SaveStrategy saveStrategy,
    @Key(preset = "500", doc = "Steps between checkpoints, or a share of the run below 1.")
        Steps saveSteps,
    @Key(min = 1, doc = "Keeps this many checkpoints and deletes older ones.")
        Optional<Integer> saveTotalLimit,
    @Key(
            preset = "false",
            doc = "Saves weights without optimizer state: smaller, but nothing to resume from.")
        boolean saveOnlyModel) {

  /** When a checkpoint is saved. */
  public enum SaveStrategy {
    NO,
    STEPS,
    EPOCH,
    BEST
  }
}
