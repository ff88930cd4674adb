package llmengine.data.template.jinja;

/** The escapes of string literals, Python's. */
final class Escapes {
  private Escapes() {}

  static String resolve(String text, int line) {
    if (text.indexOf('\\') < 0) {
      return text;
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '\\' || i + 1 == text.length()) {
        out.append(c);
        continue;
      }
      c = text.charAt(++i);
      switch (c) {
        case '\n' -> {}
        case '\\', '\'', '"' -> out.append(c);
        case 'n' -> out.append('\n');
        case 't' -> out.append('\t');
        case 'r' -> out.append('\r');
        case 'a' -> out.append('\u0007');
        case 'b' -> out.append('\b');
        case 'f' -> out.append('\f');
        case 'v' -> out.append('\u000b');
        case 'x' -> {
          out.append((char) hex(text, i + 1, 2, line));
          i += 2;
        }
        case 'u' -> {
          out.append((char) hex(text, i + 1, 4, line));
          i += 4;
        }
        case 'U' -> {
          int point = hex(text, i + 1, 8, line);
          if (!Character.isValidCodePoint(point)) {
            throw new TemplateError(line, "illegal Unicode character in a string");
          }
          out.appendCodePoint(point);
          i += 8;
        }
        case 'N' -> throw new TemplateError(line, "\\N{...} in a string isn't supported");
        default -> {
          if (c >= '0' && c <= '7') {
            int end = i;
            int value = 0;
            while (end < text.length()
                && end < i + 3
                && text.charAt(end) >= '0'
                && text.charAt(end) <= '7') {
              value = value * 8 + text.charAt(end++) - '0';
            }
            out.append((char) value);
            i = end - 1;
          } else {
            out.append('\\').append(c);
          }
        }
      }
    }
    return out.toString();
  }

  private static int hex(String text, int from, int digits, int line) {
    int value = 0;
    for (int i = from; i < from + digits; i++) {
      int digit = i < text.length() ? Character.digit(text.charAt(i), 16) : -1;
      if (digit < 0 || text.charAt(i) > 'f') {
        throw new TemplateError(line, "a truncated \\x, \\u or \\U escape in a string");
      }
      value = value << 4 | digit;
    }
    return value;
  }
}
