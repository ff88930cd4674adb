package llmengine.data.template.jinja;

import java.util.List;

/** Python's {@code format % values}. */
final class Percent {
  private Percent() {}

  static String format(String format, Object values, Budget budget) {
    List<Object> several = values instanceof Tuple tuple ? tuple.elements() : Values.list(values);
    Dict named = values instanceof Dict dict ? dict : null;
    StringBuilder out = new StringBuilder();
    int taken = 0;
    int i = 0;
    while (i < format.length()) {
      char c = format.charAt(i++);
      if (c != '%') {
        out.append(c);
        continue;
      }
      Object value = Arguments.ABSENT;
      if (i < format.length() && format.charAt(i) == '(') {
        int end = format.indexOf(')', i);
        if (end < 0 || named == null) {
          throw new TemplateError(end < 0 ? "incomplete format key" : "format requires a mapping");
        }
        String key = format.substring(i + 1, end);
        if (!named.has(key)) {
          throw new TemplateError("the format has no value for " + Values.repr(key));
        }
        value = named.get(key);
        i = end + 1;
      }
      String flags = "";
      while (i < format.length() && "-+ 0#".indexOf(format.charAt(i)) >= 0) {
        flags += format.charAt(i++);
      }
      int[] number = {0, i};
      if (i < format.length() && format.charAt(i) == '*') {
        number[0] = Numbers.index(take(several, taken++));
        flags += number[0] < 0 ? "-" : "";
        number[0] = Math.min(Budget.TEXT, Math.abs(number[0]));
        number[1] = i + 1;
      } else {
        digits(format, number);
      }
      int width = number[0];
      i = number[1];
      int precision = -1;
      if (i < format.length() && format.charAt(i) == '.') {
        number = new int[] {0, i + 1};
        if (i + 1 < format.length() && format.charAt(i + 1) == '*') {
          number[0] = Math.max(0, Numbers.index(take(several, taken++)));
          number[1] = i + 2;
        } else {
          digits(format, number);
        }
        precision = number[0];
        i = number[1];
      }
      while (i < format.length() && "hlL".indexOf(format.charAt(i)) >= 0) {
        i++;
      }
      if (i == format.length()) {
        throw new TemplateError("incomplete format");
      }
      char type = format.charAt(i++);
      if (type == '%') {
        out.append('%');
        continue;
      }
      if (Arguments.isAbsent(value)) {
        value = take(several, taken++);
      }
      budget.length(width);
      String made = one(value, flags, width, precision, type);
      budget.length((long) out.length() / 8 + made.length());
      out.append(made);
    }
    if (taken < several.size() && named == null) {
      throw new TemplateError("not all arguments converted during string formatting");
    }
    return out.toString();
  }

  private static Object take(List<Object> values, int place) {
    if (place >= values.size()) {
      throw new TemplateError("not enough arguments for format string");
    }
    return values.get(place);
  }

  private static void digits(String format, int[] number) {
    int i = number[1];
    while (i < format.length() && format.charAt(i) >= '0' && format.charAt(i) <= '9') {
      number[0] = Math.min(Budget.TEXT, number[0] * 10 + format.charAt(i++) - '0');
    }
    number[1] = i;
  }

  private static String one(Object value, String flags, int width, int precision, char type) {
    boolean left = flags.indexOf('-') >= 0;
    char align = left ? '<' : '>';
    char sign = flags.indexOf('+') >= 0 ? '+' : flags.indexOf(' ') >= 0 ? ' ' : '-';
    boolean alternate = flags.indexOf('#') >= 0;
    switch (type) {
      case 's', 'r', 'a' -> {
        String text = type == 's' ? Values.text(value) : Values.repr(value);
        return new FormatSpec(" ", align, '-', false, width, (char) 0, precision, 's').format(text);
      }
      case 'c' -> {
        if (value instanceof String text && Text.length(text) == 1) {
          return new FormatSpec(" ", align, '-', false, width, (char) 0, -1, 's').format(text);
        }
      }
      default -> {}
    }
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    } else if (value == null || !Numbers.isNumber(value)) {
      throw new TemplateError(
          "%" + type + " format: a number is required, not " + Values.typeName(value));
    }
    boolean zeros = flags.indexOf('0') >= 0 && !left;
    Object number = value;
    char code = type;
    if ("diuxXo".indexOf(type) >= 0) {
      code = type == 'i' || type == 'u' ? 'd' : type;
      number = value instanceof Double d ? truncated(d) : Numbers.normal(Numbers.whole(value));
    } else if ("eEfFgGc".indexOf(type) < 0) {
      throw new TemplateError("unsupported format character '" + type + "'");
    }
    boolean real = "eEfFgG".indexOf(code) >= 0;
    if (!real && precision >= 0) {
      number = Numbers.normal(Numbers.whole(number));
      String digits =
          new FormatSpec(" ", '>', sign, alternate, 0, (char) 0, -1, code).format(number);
      int front =
          digits.startsWith("-") || digits.startsWith("+") || digits.startsWith(" ") ? 1 : 0;
      String filled =
          digits.substring(0, front)
              + "0".repeat(Math.max(0, Math.min(precision, Budget.TEXT) - digits.length() + front))
              + digits.substring(front);
      return new FormatSpec(" ", align, '-', false, width, (char) 0, -1, 's').format(filled);
    }
    return new FormatSpec(
            zeros ? "0" : " ",
            zeros ? '=' : align,
            sign,
            alternate,
            width,
            (char) 0,
            precision,
            code)
        .format(number);
  }

  private static Object truncated(double d) {
    if (Double.isNaN(d) || Double.isInfinite(d)) {
      throw new TemplateError("cannot convert float " + Repr.number(d) + " to integer");
    }
    return Numbers.normal(new java.math.BigDecimal(d).toBigInteger());
  }
}
