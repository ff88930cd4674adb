package llmengine.data.template.tool;

/** The words that open and close a marked stretch of a message, such as a thought. */
public record WordPair(String open, String close) {
  /**
   * The first stretch of {@code text} from an opening word to the next closing word, both included;
   * null if none.
   */
  String firstIn(String text) {
    int from = text.indexOf(open);
    int to = from < 0 ? -1 : text.indexOf(close, from + open.length());
    return to < 0 ? null : text.substring(from, to + close.length());
  }

  /** {@code text} without its marked stretches and without the newlines left in front. */
  public String removeFrom(String text) {
    StringBuilder kept = new StringBuilder();
    int at = 0;
    for (int from = text.indexOf(open); from >= 0; from = text.indexOf(open, at)) {
      int to = text.indexOf(close, from + open.length());
      if (to < 0) {
        break;
      }
      kept.append(text, at, from);
      at = to + close.length();
    }
    kept.append(text, at, text.length());
    int start = 0;
    while (start < kept.length() && kept.charAt(start) == '\n') {
      start++;
    }
    return kept.substring(start);
  }

  /** Whether {@code text} holds one of the two words, spaces and newlines around the word aside. */
  public boolean touches(String text) {
    return text.contains(open.strip()) || text.contains(close.strip());
  }
}
