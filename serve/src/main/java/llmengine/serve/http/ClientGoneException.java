package llmengine.serve.http;

/** The client closed the connection before its answer was complete. */
public final class ClientGoneException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The client's connection ended while its answer was awaited. */
  public ClientGoneException() {
    this(null);
  }

  ClientGoneException(Throwable cause) {
    super("client: gone: expected it to read its answer, got a closed connection.", cause);
  }
}
