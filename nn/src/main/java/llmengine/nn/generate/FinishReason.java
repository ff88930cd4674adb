package llmengine.nn.generate;

/** Why a sequence ended. */
public enum FinishReason {
  /** A stop id came, or the listener asked for no more. */
  STOP,
  /** max_new_tokens, max_length or the model's context is used up. */
  LENGTH,
  /** The caller cancelled. */
  CANCELLED
}
