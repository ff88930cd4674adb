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
  OBSERVATION
}
