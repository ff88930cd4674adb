package llmengine.nn.generate;

/** One answer in the making. */
final class Sequence {
  final int index;
  final int[] prompt;
  final TokenHistory history;
  final int budget; // tokens it may have
  int slot; // in the cache
  FinishReason finish; // null while it runs

  Sequence(int index, int[] prompt, TokenHistory history, int budget) {
    this.index = index;
    this.prompt = prompt;
    this.history = history;
    this.budget = budget;
    this.finish = budget == 0 ? FinishReason.LENGTH : null;
  }

  int lastId() {
    return history.id(history.length() - 1);
  }

  Generation generation() {
    return new Generation(index, history.answer(), finish, Double.NaN);
  }
}
