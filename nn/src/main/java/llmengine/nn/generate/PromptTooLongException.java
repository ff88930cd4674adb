package llmengine.nn.generate;

/** A prompt has more tokens than the model's context holds. */
public final class PromptTooLongException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  private final int tokens;
  private final int context;

  public PromptTooLongException(int prompt, int tokens, int context) {
    super(
        "generate: prompt "
            + prompt
            + " is too long: expected at most "
            + context
            + " tokens (the model's context), got "
            + tokens
            + ". Shorten it or start a new conversation.");
    this.tokens = tokens;
    this.context = context;
  }

  public int tokens() {
    return tokens;
  }

  public int context() {
    return context;
  }
}
