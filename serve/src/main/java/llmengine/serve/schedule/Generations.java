package llmengine.serve.schedule;

import java.util.List;
import llmengine.nn.generate.PromptTooLongException;

/** Answers requests of many callers at once. Safe for concurrent use. */
public interface Generations {
  /** A request under way. */
  interface Ticket {
    /** Ends the request where it is; its answers finish as cancelled. */
    void cancel();

    /** Tokens of the prompt whose keys and values an earlier request had left; -1 until it runs. */
    int cachedPromptTokens();
  }

  /**
   * Puts a request in the queue.
   *
   * @throws PromptTooLongException if the prompt leaves no room in the model's context
   * @throws QueueFullException if too many wait
   * @throws IllegalArgumentException if the model's name is unknown or an option does not hold
   */
  Ticket submit(GenerationRequest request, TokenSink sink);

  /** Names of the base model, first, and of the adapters that can be asked for. */
  List<String> models();
}
