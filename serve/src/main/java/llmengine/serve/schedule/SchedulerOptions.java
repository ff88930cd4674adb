package llmengine.serve.schedule;

/**
 * Bounds of a {@link Scheduler}.
 *
 * @param maxSequences answers that run together
 * @param queueLimit requests that may wait beside those that run
 * @param cacheBytes for keys and values
 * @param promptTokens tokens of prompts that run between two steps of the answers
 */
public record SchedulerOptions(
    int maxSequences, int queueLimit, long cacheBytes, int promptTokens) {
  public SchedulerOptions {
    check("max sequences", maxSequences);
    check("queue limit", queueLimit);
    check("cache bytes", cacheBytes);
    check("prompt tokens", promptTokens);
  }

  /** 64 answers, 256 waiting requests, 2 GB, 256 prompt tokens at a time. */
  public static SchedulerOptions defaults() {
    return new SchedulerOptions(64, 256, 2L << 30, 256);
  }

  public SchedulerOptions withMaxSequences(int value) {
    return new SchedulerOptions(value, queueLimit, cacheBytes, promptTokens);
  }

  public SchedulerOptions withQueueLimit(int value) {
    return new SchedulerOptions(maxSequences, value, cacheBytes, promptTokens);
  }

  public SchedulerOptions withCacheBytes(long value) {
    return new SchedulerOptions(maxSequences, queueLimit, value, promptTokens);
  }

  public SchedulerOptions withPromptTokens(int value) {
    return new SchedulerOptions(maxSequences, queueLimit, cacheBytes, value);
  }

  private static void check(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(
          "serve: " + name + ": expected 1 or more, got " + value + ".");
    }
  }
}
