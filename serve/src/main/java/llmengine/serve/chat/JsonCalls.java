package llmengine.serve.chat;

import java.util.Set;

/**
 * Calls as JSON objects, one or a list of them, between two words or alone. Also Mistral's newer
 * way, the name before its arguments.
 */
final class JsonCalls implements Stage {
  private static final String ARGS = "[ARGS]";
  private static final int LONGEST_NAME = 256;

  private final Stage content;
  private final String close; // null: none
  private final Set<String> names; // null: any name is a call
  private final boolean bareNames;
  private final StringBuilder opened = new StringBuilder(); // what is content if there is no call
  private boolean any;
  private JsonScanner arguments;
  private JsonScanner rest;
  private boolean raw;

  /**
   * @param opened the word that was read, if any
   * @param names of the functions, where only they make JSON a call
   * @param bareNames whether a name may stand in front of its arguments
   */
  JsonCalls(Stage content, String opened, String close, Set<String> names, boolean bareNames) {
    this.content = content;
    this.close = close;
    this.names = names;
    this.bareNames = bareNames;
    this.opened.append(opened);
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    while (!text.isEmpty()) {
      if (raw) {
        return readRaw(text, events);
      }
      if (arguments != null) {
        readArguments(text, events);
      } else if (rest != null) {
        int end = rest.scan(text, 0);
        text.take(end);
        if (rest.hasEnded() || rest.isBroken()) {
          rest = null;
        }
      } else {
        Step step = between(text, events);
        if (step == Step.LEAVE) {
          return content;
        }
        if (step == Step.WAIT) {
          break;
        }
      }
    }
    if (text.isLast() && text.isEmpty() && !any) {
      events.content(opened.toString());
      opened.setLength(0);
    }
    return this;
  }

  private enum Step {
    ON,
    WAIT,
    LEAVE
  }

  /** Before the first call, after one, or after the last. */
  private Step between(PendingText text, EventList events) {
    char c = text.charAt(0);
    if (close != null && any && text.startsWith(close)) {
      text.take(close.length());
      return Step.LEAVE;
    }
    if (close != null && any && text.mayStart(close, 0)) {
      return Step.WAIT;
    }
    boolean separator = any ? "]},;".indexOf(c) >= 0 : c == '[' && !list();
    if (Character.isWhitespace(c) || separator) {
      opened.append(text.take(1));
      return Step.ON;
    }
    if (c == '{') {
      CallHeader header = CallHeader.read(text);
      if (header.state() == CallHeader.State.OPEN) {
        return Step.WAIT;
      }
      if (header.state() == CallHeader.State.READ && isCall(header.name())) {
        begin(header, text, events);
        return Step.ON;
      }
    } else if (bareNames && Character.isLetter(c)) {
      Step step = bareName(text, events);
      if (step != Step.LEAVE) {
        return step;
      }
    }
    return leave(text, events);
  }

  private boolean list() {
    return opened.indexOf("[", Math.max(0, opened.length() - 1)) >= 0;
  }

  private boolean isCall(String name) {
    return name != null && (names == null || names.contains(name));
  }

  private Step leave(PendingText text, EventList events) {
    if (!any) {
      events.content(opened.toString() + text.take(1));
    }
    return Step.LEAVE;
  }

  private void begin(CallHeader header, PendingText text, EventList events) {
    text.take(header.length());
    events.begin(header.name());
    any = true;
    if (header.arguments() != null) {
      events.arguments(header.arguments());
      events.end();
    } else {
      arguments = new JsonScanner("");
      rest = new JsonScanner("}");
    }
  }

  private Step bareName(PendingText text, EventList events) {
    int end = 0;
    while (end < text.length() && isNameCharacter(text.charAt(end))) {
      end++;
    }
    int brace = text.startsWith(ARGS, end) ? end + ARGS.length() : end;
    brace = text.skipSpace(brace);
    if (brace <= LONGEST_NAME && (brace == text.length() || text.mayStart(ARGS, end))) {
      return text.isLast() ? Step.LEAVE : Step.WAIT;
    }
    if (brace > LONGEST_NAME || text.charAt(brace) != '{') {
      return Step.LEAVE;
    }
    events.begin(text.peek(0, end));
    text.take(brace);
    any = true;
    arguments = new JsonScanner("");
    return Step.ON;
  }

  private static boolean isNameCharacter(char c) {
    return Character.isLetterOrDigit(c) || c == '_' || c == '-' || c == '.';
  }

  private void readArguments(PendingText text, EventList events) {
    int end = arguments.scan(text, 0);
    events.arguments(text.take(end));
    if (arguments.hasEnded()) {
      events.end();
      arguments = null;
    } else if (arguments.isBroken()) {
      raw = true;
    }
  }

  /** Arguments that are no JSON stay the call's, up to the closing word. */
  private Stage readRaw(PendingText text, EventList events) {
    int end = close == null ? text.length() : text.findStart(close);
    events.arguments(text.take(end));
    if (close == null || !text.startsWith(close)) {
      return this;
    }
    text.take(close.length());
    events.end();
    return content;
  }
}
