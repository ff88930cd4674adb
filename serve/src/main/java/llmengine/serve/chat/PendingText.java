package llmengine.serve.chat;

/** Text that has come but is not yet understood. What is taken is gone. */
final class PendingText {
  private final StringBuilder text = new StringBuilder();
  private int at;
  private boolean last;

  void add(String piece) {
    if (at > 4096 && at > text.length() / 2) {
      text.delete(0, at);
      at = 0;
    }
    text.append(piece);
  }

  /** No more text will come. */
  void end() {
    last = true;
  }

  /** Whether no more text will come. */
  boolean isLast() {
    return last;
  }

  int length() {
    return text.length() - at;
  }

  boolean isEmpty() {
    return length() == 0;
  }

  char charAt(int i) {
    return text.charAt(at + i);
  }

  boolean startsWith(String word) {
    return startsWith(word, 0);
  }

  boolean startsWith(String word, int from) {
    if (length() - from < word.length()) {
      return false;
    }
    for (int i = 0; i < word.length(); i++) {
      if (charAt(from + i) != word.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** Whether all there is from there on is the start of {@code word}, and more may come. */
  boolean mayStart(String word, int from) {
    int have = length() - from;
    if (last || have >= word.length()) {
      return false;
    }
    for (int i = 0; i < have; i++) {
      if (charAt(from + i) != word.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** Where {@code word} begins, -1 if nowhere. */
  int find(String word) {
    int found = text.indexOf(word, at);
    return found < 0 ? -1 : found - at;
  }

  /** First place at which {@code word} begins or might with what is still to come. */
  int findStart(String word) {
    int found = find(word);
    if (found >= 0) {
      return found;
    }
    for (int i = Math.max(0, length() - word.length() + 1); i < length(); i++) {
      if (mayStart(word, i)) {
        return i;
      }
    }
    return length();
  }

  /** The first place from there on that is no white space. */
  int skipSpace(int from) {
    int i = from;
    while (i < length() && Character.isWhitespace(charAt(i))) {
      i++;
    }
    return i;
  }

  String peek(int from, int to) {
    return text.substring(at + from, at + to);
  }

  String take(int count) {
    String taken = text.substring(at, at + count);
    at += count;
    return taken;
  }

  String takeAll() {
    return take(length());
  }
}
