package llmengine.serve.schedule;

import llmengine.nn.generate.FinishReason;

/**
 * Takes the answers to a request, token by token. Called on the scheduler's thread, one call at a
 * time: an implementation must return at once and must not throw.
 */
public interface TokenSink {
  /**
   * A new token of an answer.
   *
   * @param logprobs null if none were asked for
   * @return false to end this answer here, for example because a stop text is complete
   */
  boolean token(int choice, int id, Logprobs logprobs);

  /** An answer is over; its last token came before. */
  void finished(int choice, FinishReason reason);

  /** The request failed; nothing follows. */
  void failed(RuntimeException problem);
}
