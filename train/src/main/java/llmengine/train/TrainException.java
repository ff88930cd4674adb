package llmengine.train;

/** A run that can't go on: {@code <where>: <what>: expected ..., got .... <what to do>}. */
public final class TrainException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public TrainException(String message) {
    super(message);
  }

  public TrainException(String message, Throwable cause) {
    super(message, cause);
  }
}
