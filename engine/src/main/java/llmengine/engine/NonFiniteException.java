package llmengine.engine;

/** A NaN or an infinity appeared; the message names layer, operation and row. */
public final class NonFiniteException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public NonFiniteException(String message) {
    super(message);
  }
}
