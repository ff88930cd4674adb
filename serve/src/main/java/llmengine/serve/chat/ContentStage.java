package llmengine.serve.chat;

import java.util.List;
import java.util.function.BiFunction;

/** The answer's text, up to a word that opens calls. */
final class ContentStage implements Stage {
  /** What reads on after an opening word; it gets this stage to come back to, and the word. */
  record Opener(String word, BiFunction<Stage, String, Stage> next) {}

  private final List<Opener> openers;

  ContentStage(List<Opener> openers) {
    this.openers = List.copyOf(openers);
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    int at = text.length();
    for (Opener opener : openers) {
      at = Math.min(at, text.findStart(opener.word));
    }
    if (at > 0) {
      events.content(text.take(at));
    }
    for (Opener opener : openers) {
      if (text.startsWith(opener.word)) {
        return opener.next.apply(this, text.take(opener.word.length()));
      }
    }
    return this;
  }
}
