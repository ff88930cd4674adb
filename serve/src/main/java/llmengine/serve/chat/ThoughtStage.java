package llmengine.serve.chat;

/** A thought, up to the word that closes it. */
final class ThoughtStage implements Stage {
  private final String close;
  private final Stage next;

  private ThoughtStage(String close, Stage next) {
    this.close = close;
    this.next = next;
  }

  /** The words count without the white space around them. */
  static Stage of(String open, String close, boolean opened, Stage next) {
    Stage thought = new ThoughtStage(close.strip(), next);
    return opened ? thought : new Start(open.strip(), thought, next);
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    int end = text.findStart(close);
    events.reasoning(text.take(end));
    if (!text.startsWith(close)) {
      return this;
    }
    text.take(close.length());
    events.answer();
    return next;
  }

  /** The start of an answer, where a thought may open. */
  private record Start(String open, Stage thought, Stage next) implements Stage {
    @Override
    public Stage read(PendingText text, EventList events) {
      int from = text.skipSpace(0);
      if (text.startsWith(open, from)) {
        text.take(from + open.length());
        return thought;
      }
      return text.mayStart(open, from) ? this : next;
    }
  }
}
