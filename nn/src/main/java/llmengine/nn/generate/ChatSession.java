package llmengine.nn.generate;

import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import llmengine.nn.Decoder;

/**
 * One conversation: keeps the keys and values of its tokens, so that a turn only runs the tokens
 * behind the longest prefix that its prompt shares with the turn before. Answers of earlier turns
 * keep the arithmetic they were generated in.
 */
public final class ChatSession implements AutoCloseable {
  private final Decoder model;
  private final CachedModel cached;
  private final KvSequence keys;
  private int[] held = {}; // ids behind the cache's keys
  private int reused;

  public ChatSession(Decoder model) {
    this.model = model;
    this.cached = new CachedModel(model);
    this.keys = cached.cache().open();
  }

  /**
   * The answer to a prompt, which holds the whole conversation. A beam search runs without the kept
   * tokens.
   *
   * @throws PromptTooLongException if the prompt is longer than the model's context
   * @see Generator#generate(List, SamplingOptions, TokenListener, BooleanSupplier)
   */
  public Generation generate(
      int[] prompt, SamplingOptions options, TokenListener listener, BooleanSupplier cancelled) {
    if (options.numBeams() > 1) {
      return new Generator(model, 1)
          .generate(List.of(prompt), options, listener, cancelled)
          .getFirst();
    }
    int context = model.spec().context();
    Generator.requirePrompt(0, prompt, context);
    Sampler sampler = new Sampler(options, cached.vocab());
    int same = Math.max(0, Arrays.mismatch(held, prompt));
    if (Arrays.equals(held, prompt)) {
      same = prompt.length;
    }
    reused =
        Math.min(same, prompt.length - 1); // the last token runs again: its logits are not kept
    BatchRun run = new BatchRun(cached, sampler, listener, cancelled);
    Sequence s;
    try {
      keys.truncate(reused);
      s = run.one(prompt, context, keys);
    } catch (RuntimeException e) {
      held = new int[0]; // a step that failed half-way leaves keys of no use
      throw e;
    }
    held = new int[keys.length()];
    for (int i = 0; i < held.length; i++) {
      held[i] = s.id(i);
    }
    return s.generation();
  }

  /** Tokens of the last prompt that did not have to run. */
  public int reusedTokens() {
    return reused;
  }

  /** Forgets the conversation but keeps the memory. */
  public void clear() {
    held = new int[0];
  }

  @Override
  public void close() {
    cached.close();
  }
}
