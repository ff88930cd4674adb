package llmengine.serve.chat;

/** "Action: name", then "Action Input: JSON". */
final class ActionCalls implements Stage {
  static final String ACTION = "Action:";
  private static final String INPUT = "Action Input:";
  private static final int LONGEST = 512;

  private final Stage content;
  private final String opened;
  private JsonScanner arguments;

  ActionCalls(Stage content, String opened) {
    this.content = content;
    this.opened = opened;
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    if (arguments == null) {
      int brace = header(text);
      if (brace == 0) {
        return this;
      }
      if (brace < 0) {
        events.content(opened);
        return content;
      }
      String head = text.take(brace);
      events.begin(head.substring(0, head.indexOf(INPUT)).strip());
      arguments = new JsonScanner("");
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

  /** Place of the arguments' brace; 0 if it is still to come, -1 if this is no call. */
  private static int header(PendingText text) {
    int waits = text.isLast() || text.length() > LONGEST ? -1 : 0;
    int name = text.skipSpace(0);
    int end = name;
    while (end < text.length()
        && !Character.isWhitespace(text.charAt(end))
        && "{}\"`".indexOf(text.charAt(end)) < 0) {
      end++;
    }
    int input = text.skipSpace(end);
    if (input == text.length() || text.mayStart(INPUT, input)) {
      return waits;
    }
    if (end == name || !text.startsWith(INPUT, input)) {
      return -1;
    }
    int brace = text.skipSpace(input + INPUT.length());
    if (brace == text.length()) {
      return waits;
    }
    return text.charAt(brace) == '{' && brace <= LONGEST ? brace : -1;
  }
}
