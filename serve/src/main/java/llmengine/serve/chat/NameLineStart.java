package llmengine.serve.chat;

import java.util.Set;

/**
 * The start of an answer that is a function's name on a line and its arguments as JSON, or text.
 */
final class NameLineStart implements Stage {
  private final Set<String> names;
  private final Stage content;
  private JsonScanner arguments;

  NameLineStart(Set<String> names, Stage content) {
    this.names = names;
    this.content = content;
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    if (arguments == null) {
      Stage next = header(text, events);
      if (arguments == null) {
        return next;
      }
    }
    events.arguments(text.take(arguments.scan(text, 0)));
    if (arguments.hasEnded()) {
      events.end();
      return content;
    }
    if (arguments.isBroken()) {
      events.arguments(text.takeAll());
    }
    return this;
  }

  private Stage header(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    if (from == text.length()) {
      return text.isLast() ? content : this;
    }
    String name = null;
    for (String known : names) {
      if (text.mayStart(known + "\n", from)) {
        return this;
      }
      name = text.startsWith(known + "\n", from) ? known : name;
    }
    if (name == null) {
      return content;
    }
    int brace = text.skipSpace(from + name.length());
    if (brace == text.length()) {
      return text.isLast() ? content : this;
    }
    if (text.charAt(brace) != '{') {
      return content;
    }
    text.take(brace);
    events.begin(name);
    arguments = new JsonScanner("");
    return this;
  }
}
