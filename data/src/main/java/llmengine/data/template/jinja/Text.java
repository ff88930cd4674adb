package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/** Python's view of text: positions count code points. */
final class Text {
  private Text() {}

  /** What str.isspace, strip and split take for a space. */
  static boolean isSpace(int c) {
    return c == ' '
        || c >= 9 && c <= 13
        || c >= 0x1c && c <= 0x1f
        || c == 0x85
        || c == 0xa0
        || c > 0xff && Character.isSpaceChar(c);
  }

  /** Length in code points. */
  static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /** Offset in chars of a code point between 0 and the length. */
  static int offset(String text, int points) {
    return isNarrow(text) ? points : text.offsetByCodePoints(0, points);
  }

  private static boolean isNarrow(String text) {
    return length(text) == text.length();
  }

  static String part(String text, int from, int to) {
    return from >= to ? "" : text.substring(offset(text, from), offset(text, to));
  }

  /** Every {@code step}th code point from {@code start} on, {@code count} of them. */
  static String every(String text, int start, int step, int count) {
    if (step == 1) {
      return part(text, start, start + count);
    }
    int[] points = text.codePoints().toArray();
    StringBuilder out = new StringBuilder(count);
    for (int i = 0; i < count; i++) {
      out.appendCodePoint(points[start + i * step]);
    }
    return out.toString();
  }

  /** Each code point as a text. */
  static List<Object> points(String text) {
    List<Object> points = new ArrayList<>(text.length());
    text.codePoints().forEach(point -> points.add(Character.toString(point)));
    return points;
  }

  /**
   * Without the given characters at its ends.
   *
   * @param chars null for spaces
   */
  static String strip(String text, String chars, boolean left, boolean right) {
    int from = 0;
    int to = text.length();
    while (left && from < to) {
      int c = text.codePointAt(from);
      if (!isIn(c, chars)) {
        break;
      }
      from += Character.charCount(c);
    }
    while (right && to > from) {
      int c = text.codePointBefore(to);
      if (!isIn(c, chars)) {
        break;
      }
      to -= Character.charCount(c);
    }
    return text.substring(from, to);
  }

  private static boolean isIn(int c, String chars) {
    return chars == null ? isSpace(c) : chars.indexOf(c) >= 0;
  }

  /** Words between spaces, at most {@code limit} cuts if it isn't negative, from the left. */
  static List<Object> words(String text, int limit) {
    List<Object> words = new ArrayList<>();
    int i = 0;
    while (true) {
      while (i < text.length() && isSpace(text.charAt(i))) {
        i++;
      }
      if (i == text.length()) {
        return words;
      }
      if (limit >= 0 && words.size() == limit) {
        words.add(text.substring(i));
        return words;
      }
      int from = i;
      while (i < text.length() && !isSpace(text.charAt(i))) {
        i++;
      }
      words.add(text.substring(from, i));
    }
  }

  /** As {@link #words}, cut from the right. */
  static List<Object> lastWords(String text, int limit) {
    List<Object> words = new ArrayList<>();
    int i = text.length();
    while (true) {
      while (i > 0 && isSpace(text.charAt(i - 1))) {
        i--;
      }
      if (i == 0) {
        return words;
      }
      if (limit >= 0 && words.size() == limit) {
        words.addFirst(text.substring(0, i));
        return words;
      }
      int to = i;
      while (i > 0 && !isSpace(text.charAt(i - 1))) {
        i--;
      }
      words.addFirst(text.substring(i, to));
    }
  }

  static List<Object> split(String text, String separator, int limit) {
    List<Object> parts = new ArrayList<>();
    int from = 0;
    for (int i = text.indexOf(separator);
        i >= 0 && (limit < 0 || parts.size() < limit);
        i = text.indexOf(separator, from)) {
      parts.add(text.substring(from, i));
      from = i + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  static List<Object> splitLast(String text, String separator, int limit) {
    List<Object> parts = new ArrayList<>();
    int to = text.length();
    while (limit < 0 || parts.size() < limit) {
      int i = text.lastIndexOf(separator, to - separator.length());
      if (i < 0 || to - separator.length() < 0) {
        break;
      }
      parts.addFirst(text.substring(i + separator.length(), to));
      to = i;
    }
    parts.addFirst(text.substring(0, to));
    return parts;
  }

  static List<Object> lines(String text, boolean keepEnds) {
    List<Object> lines = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (isLineEnd(c)) {
        int end = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n' ? i + 2 : i + 1;
        lines.add(text.substring(from, keepEnds ? end : i));
        from = end;
        i = end - 1;
      }
    }
    if (from < text.length()) {
      lines.add(text.substring(from));
    }
    return lines;
  }

  private static boolean isLineEnd(char c) {
    return c >= 10 && c <= 13 || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029;
  }

  static String capitalized(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.codePointAt(0));
    return title(text.substring(0, first)) + lower(text.substring(first));
  }

  /** Python's str.title: what follows no letter is large, all else small. */
  static String titled(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean inside = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      String point = Character.toString(c);
      out.append(inside ? lower(point) : title(point));
      inside = isCased(c);
      i += Character.charCount(c);
    }
    return out.toString();
  }

  private static String title(String point) {
    int c = point.codePointAt(0);
    int title = Character.toTitleCase(c);
    return title == Character.toUpperCase(c) ? capital(upper(point)) : Character.toString(title);
  }

  /** A letter that becomes two keeps the second small: the sharp s is Ss. */
  private static String capital(String upper) {
    int first = Character.charCount(upper.codePointAt(0));
    return upper.substring(0, first) + lower(upper.substring(first));
  }

  static String upper(String text) {
    return text.toUpperCase(java.util.Locale.ROOT);
  }

  static String lower(String text) {
    return text.toLowerCase(java.util.Locale.ROOT);
  }

  static boolean isCased(int c) {
    return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
  }

  /** Whether the text isn't empty and each code point is so. */
  static boolean all(String text, IntPredicate rule) {
    return !text.isEmpty() && text.codePoints().allMatch(rule);
  }
}
