package llmengine.nn.generate;

import java.util.Optional;

/**
 * One answer in the making: its prompt, its tokens so far and how the next one is chosen. Belongs
 * to one thread at a time.
 */
public final class Sequence {
  private final Sampler sampler;
  private final int[] prompt;
  private final int stream;
  private final int budget;
  private final TokenConstraint constraint; // null for none
  private final TokenHistory history;
  private FinishReason finish;
  KvSequence keys; // of a run

  /**
   * @param stream number of the answer in its call: the draws depend on it
   * @param context tokens that prompt and answer may have in all
   * @param constraint this answer's own
   */
  public Sequence(
      Sampler sampler,
      int[] prompt,
      int stream,
      int context,
      Optional<TokenConstraint> constraint) {
    this.sampler = sampler;
    this.prompt = prompt;
    this.stream = stream;
    this.budget = sampler.options().budget(prompt.length, context);
    this.constraint = constraint.orElse(null);
    this.history = sampler.history(prompt);
    this.finish = budget == 0 ? FinishReason.LENGTH : null;
  }

  /** Chooses the next token from its logits, which are overwritten, and says whether it ends. */
  public int take(float[] logits) {
    int id = sampler.next(logits, history, stream, constraint);
    history.add(id);
    if (sampler.options().stopIds().contains(id)) {
      finish = FinishReason.STOP;
    } else if (history.answerLength() >= budget) {
      finish = FinishReason.LENGTH;
    }
    if (constraint != null && finish != FinishReason.STOP) {
      constraint.accept(id);
    }
    return id;
  }

  /** Ends the sequence where it is, if it has not ended. */
  public void end(FinishReason reason) {
    finish = finish == null ? reason : finish;
  }

  public boolean isOver() {
    return finish != null;
  }

  /** Why it ended; empty while it runs. */
  public Optional<FinishReason> finish() {
    return Optional.ofNullable(finish);
  }

  /** Number of the answer in its call. */
  public int index() {
    return stream;
  }

  public int[] prompt() {
    return prompt;
  }

  /** Tokens of prompt and answer. */
  public int length() {
    return history.length();
  }

  /** The token at a position of prompt and answer. */
  public int id(int position) {
    return history.id(position);
  }

  int lastId() {
    return history.id(history.length() - 1);
  }

  /** The answer so far. */
  public int[] answer() {
    return history.answer();
  }

  Generation generation() {
    return new Generation(index(), history.answer(), finish, Double.NaN);
  }
}
