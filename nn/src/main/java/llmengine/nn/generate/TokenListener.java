package llmengine.nn.generate;

/** Follows a generation token by token, on the generating thread. */
@FunctionalInterface
public interface TokenListener {
  /**
   * @param sequence index of the prompt
   * @param id the new token
   * @param last whether the sequence ends with it
   * @return false to end this sequence, e.g. because a stop string is complete
   */
  boolean token(int sequence, int id, boolean last);

  /** Lets everything pass. */
  static TokenListener none() {
    return (sequence, id, last) -> true;
  }
}
