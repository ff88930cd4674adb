package llmengine.serve.schedule;

import java.util.concurrent.CompletableFuture;
import llmengine.nn.generate.PromptTooLongException;

/**
 * What a served model makes of a text besides answers. Safe for concurrent use; a future that fails
 * does so with an exception that says why, and one that is cancelled takes the request back.
 */
public interface Representations {
  /** Which final hidden states (after the last norm) stand for a text. */
  enum Pooling {
    /** Mean over all tokens. */
    MEAN,
    /** That of the last token. */
    LAST
  }

  /**
   * The embedding (C) of a text.
   *
   * @param model name of the base model or of one of its adapters
   * @param normalized divided by its length
   * @param client whose requests share one turn in the queue; empty for one of its own
   * @throws PromptTooLongException if the text is longer than the model's context
   * @throws QueueFullException if too many wait
   * @throws IllegalArgumentException if the model's name is unknown or there is no token
   */
  CompletableFuture<float[]> embed(
      String model, int[] ids, Pooling pooling, boolean normalized, String client);

  /**
   * A reward model's score of a conversation: its value head's at the last token.
   *
   * @throws PromptTooLongException if the text is longer than the model's context
   * @throws QueueFullException if too many wait
   * @throws IllegalArgumentException if the model's name is unknown, it has no value head or there
   *     is no token
   */
  CompletableFuture<Float> score(String model, int[] ids, String client);
}
