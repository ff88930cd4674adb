package llmengine.data.template.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * How Python's format and % print a value.
 *
 * @param fill text of one code point
 * @param align {@code <}, {@code >}, {@code ^} or {@code =}; 0 for the type's own
 * @param sign {@code +}, a space, or {@code -} for negative numbers only
 * @param group {@code ,} or {@code _} between groups of digits; 0 for none
 * @param precision -1 if not given
 * @param type 0 if not given
 */
record FormatSpec(
    String fill,
    char align,
    char sign,
    boolean alternate,
    int width,
    char group,
    int precision,
    char type) {
  /** Most digits after the point. */
  private static final int PRECISION = 1000;

  /** {@code [[fill]align][sign][#][0][width][group][.precision][type]}. */
  static FormatSpec parse(String spec) {
    int[] p = spec.codePoints().toArray();
    int i = 0;
    String fill = " ";
    char align = 0;
    if (p.length > 1 && isAlign(p[1])) {
      fill = Character.toString(p[0]);
      align = (char) p[1];
      i = 2;
    } else if (p.length > 0 && isAlign(p[0])) {
      align = (char) p[0];
      i = 1;
    }
    char sign = '-';
    if (i < p.length && (p[i] == '+' || p[i] == '-' || p[i] == ' ')) {
      sign = (char) p[i++];
    }
    boolean alternate = i < p.length && p[i] == '#';
    i += alternate ? 1 : 0;
    if (i < p.length && p[i] == '0') {
      i++;
      if (align == 0) {
        fill = "0";
        align = '=';
      }
    }
    int width = 0;
    while (i < p.length && p[i] >= '0' && p[i] <= '9') {
      width = Math.min(Budget.TEXT, width * 10 + p[i++] - '0');
    }
    char group = 0;
    if (i < p.length && (p[i] == ',' || p[i] == '_')) {
      group = (char) p[i++];
    }
    int precision = -1;
    if (i < p.length && p[i] == '.') {
      i++;
      precision = 0;
      int from = i;
      while (i < p.length && p[i] >= '0' && p[i] <= '9') {
        precision = Math.min(Budget.TEXT, precision * 10 + p[i++] - '0');
      }
      if (i == from) {
        throw new TemplateError("Format specifier missing precision");
      }
    }
    char type = 0;
    if (i < p.length) {
      type = (char) p[i++];
    }
    if (i < p.length) {
      throw new TemplateError("Invalid format specifier '" + spec + "'");
    }
    return new FormatSpec(fill, align, sign, alternate, width, group, precision, type);
  }

  private static boolean isAlign(int c) {
    return c == '<' || c == '>' || c == '^' || c == '=';
  }

  String format(Object value) {
    if (value == null || value instanceof Boolean && type == 0 || !Numbers.isNumber(value)) {
      if (type != 0 && type != 's' || align == '=' && value instanceof String) {
        throw unknown(value);
      }
      String text = Values.text(value);
      return padded(
          "",
          precision < 0 ? text : Text.part(text, 0, Math.min(precision, Text.length(text))),
          '<');
    }
    boolean real = "eEfFgG%".indexOf(type) >= 0 && type != 0 || value instanceof Double;
    String digits = real ? real(Numbers.real(value)) : whole(Numbers.whole(value), value);
    boolean negative = digits.startsWith("-");
    String magnitude = negative ? digits.substring(1) : digits;
    String front = negative ? "-" : sign == '-' ? "" : Character.toString(sign);
    return padded(front, grouped(magnitude), '>');
  }

  private TemplateError unknown(Object value) {
    return new TemplateError(
        "Unknown format code '"
            + (type == 0 ? align : type)
            + "' for object of type '"
            + Values.typeName(value)
            + "'");
  }

  private String whole(BigInteger n, Object value) {
    if (precision >= 0) {
      throw new TemplateError("Precision not allowed in integer format specifier");
    }
    String prefix = alternate ? "0" + type : "";
    String digits =
        switch (type) {
          case 0, 'd', 'n' -> n.abs().toString();
          case 'x' -> prefix + n.abs().toString(16);
          case 'X' -> prefix + n.abs().toString(16).toUpperCase(java.util.Locale.ROOT);
          case 'o' -> prefix + n.abs().toString(8);
          case 'b' -> prefix + n.abs().toString(2);
          case 'c' -> {
            if (n.signum() < 0 || n.compareTo(BigInteger.valueOf(Character.MAX_CODE_POINT)) > 0) {
              throw new TemplateError("%c arg not in range(0x110000)");
            }
            yield Character.toString(n.intValue());
          }
          default -> throw unknown(value);
        };
    return n.signum() < 0 ? "-" + digits : digits;
  }

  private String real(double d) {
    if (Double.isNaN(d) || Double.isInfinite(d)) {
      return Repr.number(d);
    }
    int places = precision < 0 ? 6 : precision;
    if (places > PRECISION) {
      throw new TemplateError("precision too big: expected at most " + PRECISION);
    }
    boolean negative = d < 0 || d == 0 && 1 / d < 0;
    BigDecimal exact = new BigDecimal(Math.abs(d));
    String text =
        switch (type) {
          case 'f', 'F' -> fixed(exact, places);
          case '%' -> fixed(exact.movePointRight(2), places) + "%";
          case 'e' -> scientific(exact, places);
          case 'E' -> scientific(exact, places).toUpperCase(java.util.Locale.ROOT);
          case 'g' -> general(exact, Math.max(1, places));
          case 'G' -> general(exact, Math.max(1, places)).toUpperCase(java.util.Locale.ROOT);
          case 0 -> {
            if (precision < 0) {
              yield Repr.number(Math.abs(d));
            }
            String general = general(exact, Math.max(1, precision));
            yield general.matches("\\d+") ? general + ".0" : general;
          }
          default -> throw unknown(d);
        };
    return negative ? "-" + text : text;
  }

  private static String fixed(BigDecimal value, int places) {
    return value.setScale(places, RoundingMode.HALF_EVEN).toPlainString();
  }

  private static String scientific(BigDecimal value, int places) {
    if (value.signum() == 0) {
      return fixed(value, places) + "e+00";
    }
    BigDecimal rounded = value.round(new java.math.MathContext(places + 1, RoundingMode.HALF_EVEN));
    int exponent = rounded.precision() - rounded.scale() - 1;
    String digits = fixed(rounded.movePointLeft(exponent), places);
    return digits
        + String.format(Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  private static String general(BigDecimal value, int digits) {
    if (value.signum() == 0) {
      return "0";
    }
    BigDecimal rounded = value.round(new java.math.MathContext(digits, RoundingMode.HALF_EVEN));
    int exponent = rounded.precision() - rounded.scale() - 1;
    if (exponent < -4 || exponent >= digits) {
      String text = scientific(rounded, digits - 1);
      int e = text.indexOf('e');
      return trimmed(text.substring(0, e)) + text.substring(e);
    }
    return trimmed(rounded.toPlainString());
  }

  private static String trimmed(String digits) {
    if (digits.indexOf('.') < 0) {
      return digits;
    }
    int end = digits.length();
    while (digits.charAt(end - 1) == '0') {
      end--;
    }
    return digits.substring(0, digits.charAt(end - 1) == '.' ? end - 1 : end);
  }

  private String grouped(String digits) {
    if (group == 0) {
      return digits;
    }
    int end = 0;
    while (end < digits.length() && Character.isDigit(digits.charAt(end))) {
      end++;
    }
    StringBuilder out = new StringBuilder(digits);
    for (int i = end - 3; i > 0; i -= 3) {
      out.insert(i, group);
    }
    return out.toString();
  }

  private String padded(String front, String text, char usual) {
    int room = Math.max(0, width - Text.length(text) - front.length());
    char side = align == 0 ? usual : align;
    return switch (side) {
      case '<' -> front + text + fill.repeat(room);
      case '^' -> fill.repeat(room / 2) + front + text + fill.repeat(room - room / 2);
      case '=' -> front + fill.repeat(room) + text;
      default -> fill.repeat(room) + front + text;
    };
  }
}
