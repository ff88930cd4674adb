package llmengine.data.template.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The filters of jinja2; those for sequences are in {@link SequenceFilters}. */
record Filters(Interpreter interpreter) {
  private static final Pattern WORD_STARTS = Pattern.compile("[-\\s({\\[<]++");
  private static final Pattern WORD = Pattern.compile("[\\w]++", Pattern.UNICODE_CHARACTER_CLASS);

  /** What {@code value | name(arguments)} gives. */
  Object apply(String name, Object given, Arguments arguments) {
    if (name.equals("safe") || name.equals("escape") || name.equals("e")) {
      arguments.none(name);
      Markup made = name.equals("safe") ? safe(given) : Markup.escaped(given);
      interpreter.budget().length(made.text().length());
      return made;
    }
    Object value = Markup.plain(given);
    Object sequence = new SequenceFilters(interpreter, this).apply(name, value, arguments);
    Object result = Arguments.isAbsent(sequence) ? other(name, value, arguments) : sequence;
    if (result instanceof String text) {
      interpreter.budget().length(text.length());
    }
    return result;
  }

  private Object other(String name, Object value, Arguments arguments) {
    return switch (name) {
      case "default", "d" -> {
        Object[] values = arguments.bind(name, 0, "default_value", "boolean");
        boolean absent =
            value instanceof Undefined
                || Values.truth(Arguments.or(values[1], false)) && !Values.truth(value);
        yield absent ? Arguments.or(values[0], "") : value;
      }
      case "tojson" -> json(value, arguments);
      case "string" -> bare(name, arguments, Values.text(value));
      case "forceescape" -> bare(name, arguments, Markup.escaped(Values.text(value)));
      case "upper" -> bare(name, arguments, Text.upper(Values.text(value)));
      case "lower" -> bare(name, arguments, Text.lower(Values.text(value)));
      case "capitalize" -> bare(name, arguments, Text.capitalized(Values.text(value)));
      case "title" -> bare(name, arguments, titled(Values.text(value)));
      case "trim" -> {
        Object chars = Arguments.or(arguments.bind(name, 0, "chars")[0], null);
        yield Text.strip(Values.text(value), chars == null ? null : Values.text(chars), true, true);
      }
      case "replace" -> {
        Object[] values = arguments.bind(name, 2, "old", "new", "count");
        Object count = Arguments.or(values[2], null);
        yield TextMethods.replaced(
            Values.text(value),
            Values.text(values[0]),
            Values.text(values[1]),
            count == null ? -1 : Numbers.index(count),
            interpreter.budget());
      }
      case "indent" -> indented(Values.text(value), arguments);
      case "center" -> {
        Object width = Arguments.or(arguments.bind(name, 0, "width")[0], 80L);
        Function center = (Function) new TextMethods(Values.text(value), interpreter).method(name);
        yield center.call(Arguments.of(width));
      }
      case "truncate" -> truncated(Values.text(value), arguments);
      case "wordcount" -> {
        arguments.none(name);
        yield WORD.matcher(Values.text(value)).results().count();
      }
      case "format" -> {
        if (!arguments.named().isEmpty() && !arguments.positional().isEmpty()) {
          throw new TemplateError("can't handle positional and keyword arguments at the same time");
        }
        Dict named = new Dict();
        arguments.named().forEach(named::put);
        Object values = named.size() > 0 ? named : new Tuple(arguments.positional());
        yield Percent.format(Values.text(value), values, interpreter.budget());
      }
      case "urlencode" -> bare(name, arguments, urlEncoded(value));
      case "attr" -> {
        Object key = arguments.bind(name, 1, "name")[0];
        boolean entry = value instanceof Dict dict && dict.has(Values.text(key));
        Object found = new Members(interpreter).attribute(value, Values.text(key));
        yield entry && !(found instanceof Function) ? Undefined.member(value, key) : found;
      }
      case "abs" -> {
        arguments.none(name);
        yield number(name, value) instanceof Double d
            ? (Object) Math.abs(d)
            : Numbers.normal(Numbers.whole(value).abs());
      }
      case "int" -> whole(value, arguments);
      case "float" -> {
        Object otherwise = Arguments.or(arguments.bind(name, 0, "default")[0], 0.0);
        Double parsed = real(value);
        yield parsed == null ? otherwise : parsed;
      }
      case "round" -> rounded(value, arguments);
      default -> throw new TemplateError("No filter named '" + name + "'.");
    };
  }

  private static Object bare(String name, Arguments arguments, Object result) {
    arguments.none(name);
    return result;
  }

  private Object json(Object value, Arguments arguments) {
    Object[] values =
        arguments.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
    Object indent = Arguments.or(values[1], null);
    Object separators = Arguments.or(values[2], null);
    List<Object> pair = separators == null ? null : Values.elements(separators);
    if (pair != null && pair.size() != 2) {
      throw new TemplateError("separators: expected two texts");
    }
    String level =
        indent == null
            ? null
            : indent instanceof String text
                ? text
                : " ".repeat(Math.clamp(Numbers.index(indent), 0, 1000));
    return new JsonText(
            Values.truth(Arguments.or(values[0], false)),
            level,
            pair != null ? Values.text(pair.get(0)) : level == null ? ", " : ",",
            pair != null ? Values.text(pair.get(1)) : ": ",
            Values.truth(Arguments.or(values[3], false)),
            interpreter.budget())
        .of(value);
  }

  private static Markup safe(Object value) {
    return value instanceof Markup markup ? markup : new Markup(Values.text(value));
  }

  private static String titled(String text) {
    StringBuilder out = new StringBuilder();
    Matcher starts = WORD_STARTS.matcher(text);
    int at = 0;
    while (starts.find()) {
      out.append(word(text.substring(at, starts.start()))).append(starts.group());
      at = starts.end();
    }
    return out.append(word(text.substring(at))).toString();
  }

  private static String word(String word) {
    if (word.isEmpty()) {
      return word;
    }
    int first = Character.charCount(word.codePointAt(0));
    return Text.upper(word.substring(0, first)) + Text.lower(word.substring(first));
  }

  private String indented(String text, Arguments arguments) {
    Object[] values = arguments.bind("indent", 0, "width", "first", "blank");
    Object width = Arguments.or(values[0], 4L);
    String space =
        width instanceof String given
            ? given
            : " ".repeat(Math.clamp(Numbers.index(width), 0, 10_000));
    boolean blank = Values.truth(Arguments.or(values[2], false));
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (Object line : Text.lines(text + "\n", false)) {
      boolean indents = first ? Values.truth(Arguments.or(values[1], false)) : true;
      out.append(first ? "" : "\n");
      if (indents && (first || blank || !((String) line).isEmpty())) {
        out.append(space);
        interpreter.budget().length((long) out.length() / 64 + space.length());
      }
      out.append((String) line);
      if (out.length() > Budget.TEXT) {
        throw new TemplateError("a text is too long: expected at most " + Budget.TEXT);
      }
      first = false;
    }
    return out.toString();
  }

  private static String truncated(String text, Arguments arguments) {
    Object[] values = arguments.bind("truncate", 0, "length", "killwords", "end", "leeway");
    int length = Numbers.index(Arguments.or(values[0], 255L));
    String end = Values.text(Arguments.or(values[2], "..."));
    Object given = Arguments.or(values[3], null);
    int leeway = given == null ? 5 : Numbers.index(given);
    int kept = length - Text.length(end);
    if (kept < 0 || leeway < 0) {
      throw new TemplateError("truncate: expected a length of at least that of the end");
    }
    if (Text.length(text) <= (long) length + leeway) {
      return text;
    }
    String cut = Text.part(text, 0, kept);
    if (Values.truth(Arguments.or(values[1], false))) {
      return cut + end;
    }
    int space = cut.lastIndexOf(' ');
    return (space < 0 ? cut : cut.substring(0, space)) + end;
  }

  private static String urlEncoded(Object value) {
    if (!(value instanceof Dict) && !(value instanceof List)) {
      return quoted(Values.text(value), "/");
    }
    List<Object> pairs = value instanceof Dict dict ? dict.items() : Values.elements(value);
    List<String> parts = new ArrayList<>();
    for (Object pair : pairs) {
      List<Object> both = Values.elements(pair);
      if (both.size() != 2) {
        throw new TemplateError("urlencode: expected pairs");
      }
      parts.add(quoted(Values.text(both.get(0)), "") + "=" + quoted(Values.text(both.get(1)), ""));
    }
    return String.join("&", parts);
  }

  private static String quoted(String text, String safe) {
    StringBuilder out = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      boolean plain =
          c < 128 && Character.isLetterOrDigit(c) || "_.-~".indexOf(c) >= 0 || safe.indexOf(c) >= 0;
      out.append(
          plain
              ? Character.toString(c)
              : c == ' ' && safe.isEmpty() ? "+" : String.format(Locale.ROOT, "%%%02X", (int) c));
    }
    return out.toString();
  }

  private static Object number(String name, Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    } else if (value == null || !Numbers.isNumber(value)) {
      throw new TemplateError(
          "bad operand type for " + name + ": '" + Values.typeName(value) + "'");
    }
    return value;
  }

  private static Object whole(Object value, Arguments arguments) {
    Object[] values = arguments.bind("int", 0, "default", "base");
    Object otherwise = Arguments.or(values[0], 0L);
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    } else if (value != null && Numbers.isWhole(value)) {
      return Numbers.normal(Numbers.whole(value));
    } else if (value instanceof String text) {
      int base = Numbers.index(Arguments.or(values[1], 10L));
      String digits = Text.strip(text, null, true, true).replaceAll("(?<=\\w)_(?=\\w)", "");
      String prefix = base == 16 ? "0[xX]" : base == 8 ? "0[oO]" : base == 2 ? "0[bB]" : "(?!)";
      digits = digits.replaceFirst("^([+-]?)" + prefix, "$1");
      if (base >= 2 && base <= 36 && digits.length() <= 1200) {
        try {
          return Numbers.normal(new BigInteger(digits, base));
        } catch (NumberFormatException notWhole) {
          // perhaps a float, as below
        }
      }
    }
    Double real = real(value);
    return real == null || real.isNaN() || real.isInfinite()
        ? otherwise
        : Numbers.normal(new BigDecimal(real).toBigInteger());
  }

  /** Python's float(); null if that fails. */
  private static Double real(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    } else if (value instanceof String text) {
      String digits = Text.strip(text, null, true, true);
      String word = Text.lower(digits).replaceFirst("^[+-]", "");
      if (word.equals("inf") || word.equals("infinity")) {
        return digits.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
      } else if (word.equals("nan")) {
        return Double.NaN;
      }
      return digits.length() <= 1200
              && digits.matches("[+-]?(\\d[\\d_]*\\.?[\\d_]*|\\.\\d[\\d_]*)([eE][+-]?\\d+)?")
          ? (Double) Double.parseDouble(digits.replace("_", ""))
          : null;
    }
    return value != null && Numbers.isNumber(value) ? (Double) Numbers.real(value) : null;
  }

  private static Object rounded(Object value, Arguments arguments) {
    Object[] values = arguments.bind("round", 0, "precision", "method");
    number("round", value);
    int precision = Numbers.index(Arguments.or(values[0], 0L));
    double scale = Math.pow(10, precision);
    return switch (Values.text(Arguments.or(values[1], "common"))) {
      case "common" -> Numbers.round(value, precision);
      case "ceil" -> Math.ceil(Numbers.real(value) * scale) / scale;
      case "floor" -> Math.floor(Numbers.real(value) * scale) / scale;
      default -> throw new TemplateError("method must be common, ceil or floor");
    };
  }
}
