package llmengine.serve.schedule;

/** Too many requests wait; the caller may come again. */
public final class QueueFullException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public QueueFullException(int limit) {
    super(
        "serve: queue: expected at most "
            + limit
            + " waiting requests, got one more. Try again later.");
  }
}
