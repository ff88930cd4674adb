package llmengine.serve.chat;

import java.util.Set;

/** The start of an answer that is calls, if it is JSON that looks like them, or else text. */
record JsonStart(String word, Set<String> names, Stage content) implements Stage {
  @Override
  public Stage read(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    if (from == text.length() && !text.isLast() || text.mayStart(word, from)) {
      return this;
    }
    int json = text.startsWith(word, from) ? text.skipSpace(from + word.length()) : from;
    if (json == text.length() && !text.isLast()) {
      return this;
    }
    boolean starts = json < text.length() && "{[".indexOf(text.charAt(json)) >= 0;
    return starts ? new JsonCalls(content, text.take(json), null, names, false) : content;
  }
}
