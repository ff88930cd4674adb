package llmengine.engine;

/** Tensor memory is exhausted; the message lists the largest owners. */
public final class OutOfMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public OutOfMemoryException(String message) {
    super(message);
  }
}
