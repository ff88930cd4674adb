package llmengine.serve.chat;

import com.fasterxml.jackson.databind.node.TextNode;

/** Calls with a tag for each argument. Text between the tags is content. */
final class TagCalls implements Stage {
  private static final int LONGEST = 512; // of names and keys

  private enum Place {
    OUTER,
    NAME,
    ARGUMENTS,
    KEY,
    BEFORE_VALUE,
    VALUE,
    STRING
  }

  private final Stage content;
  private final TagSyntax tags;
  private final ToolSchemas tools;
  private String opened;
  private Place place;
  private String name;
  private String key;
  private boolean first; // argument of a call
  private boolean fresh; // value

  TagCalls(Stage content, String opened, TagSyntax tags, ToolSchemas tools) {
    this.content = content;
    this.tags = tags;
    this.tools = tools;
    this.opened = opened;
    this.place = opened.equals(tags.nameOpen()) ? Place.NAME : Place.OUTER;
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    while (true) {
      Stage next =
          switch (place) {
            case OUTER -> outer(text, events);
            case NAME -> name(text, events);
            case ARGUMENTS -> arguments(text, events);
            case KEY -> key(text, events);
            case BEFORE_VALUE -> beforeValue(text, events);
            case VALUE -> value(text, events);
            case STRING -> string(text, events);
          };
      if (next != null) {
        return next;
      }
    }
  }

  // Each of these returns null to go on at another place.

  private Stage outer(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    if (text.startsWith(tags.nameOpen(), from)) {
      opened += text.take(from + tags.nameOpen().length());
      place = Place.NAME;
      return null;
    }
    if (name != null && text.startsWith(tags.outerClose(), from)) {
      text.take(from + tags.outerClose().length());
      return content;
    }
    boolean waits =
        text.mayStart(tags.nameOpen(), from)
            || name != null && text.mayStart(tags.outerClose(), from);
    return waits ? this : noCall(events);
  }

  private Stage noCall(EventList events) {
    if (name == null) {
      events.content(opened);
    }
    return content;
  }

  private Stage name(PendingText text, EventList events) {
    int end = -1;
    String by = "";
    for (String word : tags.nameEnds()) {
      int found = text.find(word);
      if (found >= 0 && (end < 0 || found < end)) {
        end = found;
        by = word.equals("<") ? "" : word;
      }
    }
    if (end < 0 && text.isLast() && tags.outerOpen() == null) {
      end = text.length();
    }
    if (end < 0 && text.length() <= LONGEST && !text.isLast()) {
      return this;
    }
    String called = end < 0 || end > LONGEST ? "" : text.peek(0, end).strip();
    if (called.isEmpty() || called.chars().anyMatch(c -> c <= ' ' || "<>{}\"=".indexOf(c) >= 0)) {
      return noCall(events);
    }
    text.take(end + by.length());
    opened = "";
    name = called;
    first = true;
    events.begin(name);
    place = Place.ARGUMENTS;
    return null;
  }

  private Stage arguments(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    if (text.startsWith(tags.keyOpen(), from)) {
      text.take(from + tags.keyOpen().length());
      place = Place.KEY;
      return null;
    }
    boolean nextCall = tags.outerOpen() == null && text.startsWith(tags.nameOpen(), from);
    boolean closed = text.startsWith(tags.callClose(), from);
    if (closed || nextCall || text.isLast() && from == text.length()) {
      events.arguments(first ? "{}" : "}");
      events.end();
      text.take(closed ? from + tags.callClose().length() : from);
      place = Place.OUTER;
      return tags.outerOpen() == null || text.isLast() && text.isEmpty() ? content : null;
    }
    boolean waits =
        text.mayStart(tags.keyOpen(), from)
            || text.mayStart(tags.callClose(), from)
            || tags.outerOpen() == null && text.mayStart(tags.nameOpen(), from);
    if (waits) {
      return this;
    }
    int end = from + 1;
    while (end < text.length()
        && text.charAt(end) != '<'
        && !Character.isWhitespace(text.charAt(end))) {
      end++;
    }
    events.content(text.take(end));
    return null;
  }

  private Stage key(PendingText text, EventList events) {
    int end = text.find(tags.keyClose());
    if (end < 0 && !text.isLast() && text.length() <= LONGEST) {
      return this;
    }
    if (end < 0 || end > LONGEST) {
      events.content(tags.keyOpen());
      place = Place.ARGUMENTS;
      return null;
    }
    key = text.take(end + tags.keyClose().length()).substring(0, end).strip();
    place = tags.valueOpen() == null ? Place.VALUE : Place.BEFORE_VALUE;
    startValue();
    return null;
  }

  private void startValue() {
    fresh = true;
    if (place == Place.VALUE && tools.isText(name, key)) {
      place = Place.STRING;
    }
  }

  private Stage beforeValue(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    if (text.mayStart(tags.valueOpen(), from)) {
      return this;
    }
    if (text.startsWith(tags.valueOpen(), from)) {
      text.take(from + tags.valueOpen().length());
      place = Place.VALUE;
      startValue();
    } else {
      events.content(tags.keyOpen() + key + tags.keyClose());
      place = Place.ARGUMENTS;
    }
    return null;
  }

  private Stage value(PendingText text, EventList events) {
    int end = text.find(tags.valueClose());
    if (end < 0 && !text.isLast()) {
      return this;
    }
    if (end < 0) {
      return string(text, events); // cut off
    }
    String value = text.take(end + tags.valueClose().length()).substring(0, end);
    if (tags.trimsLines()) {
      value = value.startsWith("\n") ? value.substring(1) : value;
      value = value.endsWith("\n") ? value.substring(0, value.length() - 1) : value;
    }
    events.arguments(label() + tools.json(name, key, value));
    place = Place.ARGUMENTS;
    return null;
  }

  /** A value that is text, as it comes. */
  private Stage string(PendingText text, EventList events) {
    if (fresh) {
      if (text.isEmpty() && !text.isLast()) {
        return this;
      }
      fresh = false;
      events.arguments(label() + "\"");
      if (tags.trimsLines() && text.startsWith("\n")) {
        text.take(1);
      }
    }
    int end = text.findStart(tags.valueClose());
    boolean line = tags.trimsLines() && !text.isLast() || text.startsWith(tags.valueClose(), end);
    int shown =
        line && tags.trimsLines() && end > 0 && text.charAt(end - 1) == '\n' ? end - 1 : end;
    String quoted = new TextNode(text.take(shown)).toString();
    events.arguments(quoted.substring(1, quoted.length() - 1));
    if (!text.startsWith(tags.valueClose(), end - shown)) {
      return this;
    }
    text.take(end - shown + tags.valueClose().length());
    events.arguments("\"");
    place = Place.ARGUMENTS;
    return null;
  }

  private String label() {
    String label = (first ? "{" : ", ") + new TextNode(key) + ": ";
    first = false;
    return label;
  }
}
