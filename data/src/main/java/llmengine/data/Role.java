package llmengine.data;

/**
 * Who speaks in a conversation. {@link #FUNCTION} is a tool call of the model, {@link #OBSERVATION}
 * a tool's answer.
 */
public enum Role {
  SYSTEM,
  USER,
  ASSISTANT,
  FUNCTION,
  OBSERVATION;

  /** As chat requests call it; a function message is an assistant's. */
  public String word() {
    return switch (this) {
      case SYSTEM -> "system";
      case USER -> "user";
      case ASSISTANT, FUNCTION -> "assistant";
      case OBSERVATION -> "tool";
    };
  }
}
