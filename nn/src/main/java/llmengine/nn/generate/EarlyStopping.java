package llmengine.nn.generate;

/** When beam search ends, with transformers' words for {@code early_stopping}. */
public enum EarlyStopping {
  /**
   * {@code false}: when the best running beam, at its current length, can't beat the worst finished
   * one.
   */
  NO,
  /** {@code true}: as soon as num_beams sequences are finished. */
  YES,
  /**
   * {@code "never"}: when no running beam could beat the worst finished one at any length still
   * allowed.
   */
  NEVER
}
