package llmengine.serve.chat;

/**
 * Calls whose arguments are not JSON and are turned into it once they are whole: LFM2's {@code
 * [f(a=1)]} and Gemma's {@code call:f{a:1}}.
 */
final class ScannedCalls implements Stage {
  private static final int LONGEST_NAME = 256;

  /**
   * What differs.
   *
   * @param before words that may stand before a call's name, and between calls
   * @param close words after the last call, any of them
   * @param open the bracket before the arguments
   * @param quote around text; null for quotes as Python has them
   */
  record Syntax(String[] before, String[] close, char open, String quote) {}

  static final Syntax LFM2 =
      new Syntax(new String[] {"[", ","}, new String[] {"]", "<|tool_call_end|>"}, '(', null);
  static final Syntax GEMMA4 =
      new Syntax(
          new String[] {"<|tool_call>", "call:"},
          new String[] {"<tool_call|>", "<tool|>"},
          '{',
          "<|\"|>");

  private final Stage content;
  private final Syntax syntax;
  private String opened;
  private boolean any;
  private boolean inCall;
  private int scanned;
  private int depth;
  private char quote; // 0: outside text

  ScannedCalls(Stage content, String opened, Syntax syntax) {
    this.content = content;
    this.opened = opened;
    this.syntax = syntax;
  }

  @Override
  public Stage read(PendingText text, EventList events) {
    while (true) {
      Stage next = inCall ? arguments(text, events) : between(text, events);
      if (next != null) {
        return next;
      }
    }
  }

  /** Null to go on. */
  private Stage between(PendingText text, EventList events) {
    int from = text.skipSpace(0);
    for (String[] words : new String[][] {syntax.before, any ? syntax.close : new String[0]}) {
      for (String word : words) {
        if (text.startsWith(word, from)) {
          opened += text.take(from + word.length());
          return null;
        }
      }
    }
    for (String[] words : new String[][] {syntax.before, any ? syntax.close : new String[0]}) {
      for (String word : words) {
        if (text.mayStart(word, from)) {
          return this;
        }
      }
    }
    int end = from;
    while (end < text.length() && isNameCharacter(text.charAt(end))) {
      end++;
    }
    if (end == text.length() && !text.isLast() && end - from <= LONGEST_NAME) {
      return this;
    }
    boolean call =
        end > from
            && end - from <= LONGEST_NAME
            && end < text.length()
            && text.charAt(end) == syntax.open;
    if (!call) {
      if (!any) {
        events.content(opened);
      }
      return content;
    }
    events.begin(text.take(end).substring(from));
    any = true;
    inCall = true;
    scanned = 0;
    depth = 0;
    quote = 0;
    return null;
  }

  private static boolean isNameCharacter(char c) {
    return Character.isLetterOrDigit(c) || c == '_' || c == '-' || c == '.';
  }

  private Stage arguments(PendingText text, EventList events) {
    int end = scan(text);
    if (end == 0) {
      if (text.isLast()) {
        events.arguments(text.takeAll()); // cut off
        return content;
      }
      return this;
    }
    String written = text.take(end);
    String json =
        syntax.quote == null ? PythonArguments.json(written) : GemmaArguments.json(written);
    events.arguments(json == null ? written : json);
    events.end();
    inCall = false;
    return null;
  }

  /** Place after the bracket that closes the arguments; 0 if it is still to come. */
  private int scan(PendingText text) {
    while (scanned < text.length()) {
      char c = text.charAt(scanned);
      if (syntax.quote != null && c == '<') {
        if (text.mayStart(syntax.quote, scanned)) {
          return 0;
        }
        if (text.startsWith(syntax.quote, scanned)) {
          quote = quote == 0 ? c : 0;
          scanned += syntax.quote.length();
          continue;
        }
      }
      if (syntax.quote == null && quote != 0 && c == '\\') {
        if (scanned + 1 == text.length()) {
          return 0;
        }
        scanned += 2;
        continue;
      }
      if (quote != 0) {
        quote = syntax.quote == null && c == quote ? 0 : quote;
      } else if (syntax.quote == null && (c == '"' || c == '\'')) {
        quote = c;
      } else if ("([{".indexOf(c) >= 0) {
        depth++;
      } else if (")]}".indexOf(c) >= 0 && --depth == 0) {
        return ++scanned;
      }
      scanned++;
    }
    return 0;
  }
}
