package llmengine.data;

/**
 * A dataset, tokenizer or template that can't be used: {@code <where>: <what>: expected ..., got
 * .... <what to do>}.
 */
public final class DataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
