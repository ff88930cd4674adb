package llmengine.train.config;

/**
 * How often something happens: every so many optimizer steps, or, below 1, after every such share
 * of the whole run.
 */
public record Steps(double setting) {

  /** The interval in optimizer steps of a run of {@code total} steps; at least 1. */
  public int of(int total) {
    return setting < 1 ? Math.max(1, (int) Math.ceil(total * setting)) : (int) setting;
  }
}
