package llmengine.train.config;

/** When something repeats during training. */
public enum Interval {
  NO,
  STEPS,
  EPOCH
}
