package llmengine.data.template.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.util.Locale;

/** Python's strftime in the C locale. */
final class Strftime {
  private Strftime() {}

  static String format(String format, ZonedDateTime time) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      c = format.charAt(++i);
      boolean bare = c == '-' && i + 1 < format.length();
      if (bare) {
        c = format.charAt(++i);
      }
      String made = directive(c, time);
      out.append(bare ? made.replaceFirst("^[0 ]+(?=.)", "") : made);
    }
    return out.toString();
  }

  private static String directive(char c, ZonedDateTime t) {
    return switch (c) {
      case 'Y' -> Integer.toString(t.getYear());
      case 'y' -> two(t.getYear() % 100);
      case 'C' -> two(t.getYear() / 100);
      case 'm' -> two(t.getMonthValue());
      case 'd' -> two(t.getDayOfMonth());
      case 'e' -> String.format(Locale.ROOT, "%2d", t.getDayOfMonth());
      case 'H' -> two(t.getHour());
      case 'I' -> two((t.getHour() + 11) % 12 + 1);
      case 'M' -> two(t.getMinute());
      case 'S' -> two(t.getSecond());
      case 'f' -> String.format(Locale.ROOT, "%06d", t.getNano() / 1000);
      case 'p' -> t.getHour() < 12 ? "AM" : "PM";
      case 'B' -> t.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'b', 'h' -> t.getMonth().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'A' -> t.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'a' -> t.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'j' -> String.format(Locale.ROOT, "%03d", t.getDayOfYear());
      case 'u' -> Integer.toString(t.getDayOfWeek().getValue());
      case 'w' -> Integer.toString(t.getDayOfWeek().getValue() % 7);
      case 'U' -> two((t.getDayOfYear() + 6 - t.getDayOfWeek().getValue() % 7) / 7);
      case 'W' -> two((t.getDayOfYear() + 6 - (t.getDayOfWeek().getValue() + 6) % 7) / 7);
      case 'G' -> Integer.toString(t.get(java.time.temporal.IsoFields.WEEK_BASED_YEAR));
      case 'V' -> two(t.get(java.time.temporal.IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case 'F' -> t.toLocalDate().toString();
      case 'D', 'x' -> DateTimeFormatter.ofPattern("MM/dd/yy", Locale.ROOT).format(t);
      case 'T', 'X' -> DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).format(t);
      case 'R' -> DateTimeFormatter.ofPattern("HH:mm", Locale.ROOT).format(t);
      case 'c' -> format("%a %b %e %H:%M:%S %Y", t);
      case 's' -> Long.toString(t.getLong(ChronoField.INSTANT_SECONDS));
      // a naive datetime has no zone
      case 'z', 'Z' -> "";
      case 'n' -> "\n";
      case 't' -> "\t";
      case '%' -> "%";
      default -> throw new TemplateError("strftime_now: unknown directive %" + c);
    };
  }

  private static String two(int number) {
    return String.format(Locale.ROOT, "%02d", number);
  }
}
