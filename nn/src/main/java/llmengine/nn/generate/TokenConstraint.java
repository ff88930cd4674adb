package llmengine.nn.generate;

/**
 * Which ids may come next in one answer, for example by a grammar. Belongs to one sequence and one
 * thread at a time.
 */
public interface TokenConstraint {
  /**
   * Sets the logit of every id that may not come next to negative infinity. Stop ids may come where
   * the text so far is complete. At least one id is left.
   */
  void mask(float[] logits);

  /** The id that was chosen. */
  void accept(int id);

  /** An independent constraint in the same state, for another answer to the same prompt. */
  TokenConstraint fork();
}
