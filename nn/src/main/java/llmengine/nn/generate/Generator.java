package llmengine.nn.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import llmengine.nn.Decoder;

/**
 * Generates answers to many prompts: up to {@code batchSize} at a time, and as soon as one ends the
 * next prompt takes its place. What a prompt gets depends on the prompt, its index and the options,
 * not on the others. A generator is for one thread; it keeps nothing between calls.
 */
public final class Generator {
  private final Decoder model;
  private final int batchSize;

  /**
   * @param batchSize sequences that run together: more is faster in all and takes more memory for
   *     keys and values
   */
  public Generator(Decoder model, int batchSize) {
    if (batchSize < 1) {
      throw new IllegalArgumentException(
          "generate: batch size: expected 1 or more, got " + batchSize + ".");
    }
    this.model = model;
    this.batchSize = batchSize;
  }

  /** Answers to all prompts, in order; {@code num_return_sequences} for each. */
  public List<Generation> generate(List<int[]> prompts, SamplingOptions options) {
    return generate(prompts, options, TokenListener.none(), () -> false);
  }

  /**
   * Answers to all prompts, in order.
   *
   * @param listener told of every token at once; of a beam search's tokens when it is over
   * @param cancelled asked before every step; true ends all sequences where they are
   * @throws PromptTooLongException if a prompt is longer than the model's context
   * @throws IllegalArgumentException if a prompt is empty or an option has an id outside the
   *     vocabulary
   */
  public List<Generation> generate(
      List<int[]> prompts,
      SamplingOptions options,
      TokenListener listener,
      BooleanSupplier cancelled) {
    Sampler sampler = new Sampler(options, model.spec().vocab());
    for (int i = 0; i < prompts.size(); i++) {
      requirePrompt(i, prompts.get(i), model.spec().context());
    }
    List<Generation> out = new ArrayList<>();
    if (options.numBeams() > 1) {
      try (BeamSearch beams = new BeamSearch(model, options, sampler)) {
        for (int i = 0; i < prompts.size(); i++) {
          out.addAll(beams.search(i, prompts.get(i), listener, cancelled));
        }
      }
      return out;
    }
    try (CachedModel cached = new CachedModel(model)) {
      BatchRun run = new BatchRun(cached, sampler, listener, cancelled);
      for (Sequence s : run.all(prompts, model.spec().context(), batchSize)) {
        out.add(s.generation());
      }
    }
    return out;
  }

  static void requirePrompt(int index, int[] prompt, int context) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException(
          "generate: prompt "
              + index
              + ": expected at least one token, got none. Start it with the bos id.");
    }
    if (prompt.length > context) {
      throw new PromptTooLongException(index, prompt.length, context);
    }
  }
}
