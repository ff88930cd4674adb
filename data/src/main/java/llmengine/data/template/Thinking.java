package llmengine.data.template;

/** What a reasoning template does about thoughts (the YAML's {@code enable_thinking}). */
public enum Thinking {
  /** {@code true}: thoughts are learned; an answer without one learns an empty thought. */
  LEARNED,
  /** {@code false}: thoughts are removed and an empty one is given in the prompt. */
  OFF,
  /**
   * {@code null}: thoughts stay as the data has them; an answer without one gets an empty one in
   * the prompt.
   */
  AS_IN_DATA;

  /** From the YAML's value, {@code null} included. */
  public static Thinking of(Boolean enableThinking) {
    return enableThinking == null ? AS_IN_DATA : enableThinking ? LEARNED : OFF;
  }
}
