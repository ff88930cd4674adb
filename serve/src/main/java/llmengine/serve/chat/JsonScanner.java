package llmengine.serve.chat;

/** Follows a JSON value character by character to its end, by brackets and quotes. */
final class JsonScanner {
  private final StringBuilder open = new StringBuilder(); // closing brackets that must come
  private boolean inString;
  private boolean escaped;
  private boolean ended;
  private boolean broken;

  /**
   * Begins outside a value; {@code closing}: the brackets that are already open, outermost first.
   */
  JsonScanner(String closing) {
    open.append(closing);
  }

  /**
   * Takes characters until the value ends or cannot go on.
   *
   * @return the place after the last one that belongs to it
   */
  int scan(PendingText text, int from) {
    int i = from;
    while (i < text.length() && !ended && !broken) {
      char c = text.charAt(i);
      if (inString) {
        inString = escaped || c != '"';
        escaped = !escaped && c == '\\';
        i++;
      } else if (c == '"') {
        inString = true;
        i++;
      } else if (c == '{' || c == '[') {
        open.append(c == '{' ? '}' : ']');
        i++;
      } else if (c == '}' || c == ']') {
        broken = open.isEmpty() || open.charAt(open.length() - 1) != c;
        if (!broken) {
          open.setLength(open.length() - 1);
          ended = open.isEmpty();
          i++;
        }
      } else {
        broken =
            !(Character.isLetterOrDigit(c) || Character.isWhitespace(c) || "+-.,:".indexOf(c) >= 0);
        i += broken ? 0 : 1;
      }
    }
    return i;
  }

  /** Whether the bracket that was opened first is closed. */
  boolean hasEnded() {
    return ended;
  }

  /** Whether a character came that cannot. */
  boolean isBroken() {
    return broken;
  }
}
