package llmengine.serve.grammar;

/**
 * A grammar, expression or schema that cannot be used: {@code <where>: <what>: expected ..., got
 * .... <what to do>}. It is the caller's mistake, never the engine's.
 */
public final class GrammarException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public GrammarException(String message) {
    super(message);
  }

  static GrammarException of(String where, String what, String expected, String got, String to) {
    return new GrammarException(
        where + ": " + what + ": expected " + expected + ", got " + got + ". " + to);
  }
}
