package llmengine.serve.openai;

import java.util.List;
import llmengine.nn.generate.FinishReason;

/** What happens to the answers of a request, in order. */
sealed interface AnswerEvent {
  /** More text of an answer. Pieces never split a character, and never hold a stop text. */
  record Piece(int choice, String text, List<TokenLogprob> logprobs) implements AnswerEvent {}

  /**
   * An answer is over.
   *
   * @param stop the stop text that ended it; null for none
   */
  record Finished(int choice, FinishReason reason, String stop) implements AnswerEvent {}

  /** The request failed; nothing follows. */
  record Failed(RuntimeException problem) implements AnswerEvent {}
}
