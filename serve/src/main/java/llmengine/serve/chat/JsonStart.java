package llmengine.serve.chat;

import java.util.Set;

/**
 * The start of an answer that is calls, if it is JSON that looks like them, or else text.
 *
 * @param word that may stand in front
 * @param content reads what is no such JSON
 * @param leavesWord whether what begins with the word is for {@code content} to read
 */
record JsonStart(String word, boolean leavesWord, Set<String> names, Stage content)
    implements Stage {
  @Override
  public Stage read(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    if (from == text.length() && !text.isLast() || text.mayStart(word, from)) {
      return this;
    }
    if (leavesWord && text.startsWith(word, from)) {
      return content;
    }
    int json = text.startsWith(word, from) ? text.skipSpace(from + word.length()) : from;
    if (json == text.length() && !text.isLast()) {
      return this;
    }
    boolean starts = json < text.length() && "{[".indexOf(text.charAt(json)) >= 0;
    return starts ? new JsonCalls(content, text.take(json), null, names, false) : content;
  }
}
