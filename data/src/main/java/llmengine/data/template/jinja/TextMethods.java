package llmengine.data.template.jinja;

import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;

/** Methods of a Python str. */
record TextMethods(String text, Interpreter interpreter) {
  private static final Set<String> NAMES =
      Set.of(
          "capitalize",
          "casefold",
          "center",
          "count",
          "encode",
          "endswith",
          "expandtabs",
          "find",
          "format",
          "format_map",
          "index",
          "isalnum",
          "isalpha",
          "isascii",
          "isdecimal",
          "isdigit",
          "isidentifier",
          "islower",
          "isnumeric",
          "isprintable",
          "isspace",
          "istitle",
          "isupper",
          "join",
          "ljust",
          "lower",
          "lstrip",
          "maketrans",
          "partition",
          "removeprefix",
          "removesuffix",
          "replace",
          "rfind",
          "rindex",
          "rjust",
          "rpartition",
          "rsplit",
          "rstrip",
          "split",
          "splitlines",
          "startswith",
          "strip",
          "swapcase",
          "title",
          "translate",
          "upper",
          "zfill");

  /** The method, or {@link Arguments#ABSENT}. */
  Object method(String name) {
    return NAMES.contains(name)
        ? Function.of(name, arguments -> call(name, arguments))
        : Arguments.ABSENT;
  }

  private Object call(String name, Arguments arguments) {
    interpreter.budget().spend(text.length() / 8);
    Object result =
        switch (name) {
          case "strip", "lstrip", "rstrip" -> {
            Object chars = Arguments.or(arguments.bind(name, 0, "chars")[0], null);
            yield Text.strip(
                text,
                chars == null ? null : string(name, chars),
                !name.equals("rstrip"),
                !name.equals("lstrip"));
          }
          case "split", "rsplit" -> split(name, arguments);
          case "splitlines" ->
              Text.lines(
                  text, Values.truth(Arguments.or(arguments.bind(name, 0, "keepends")[0], false)));
          case "startswith", "endswith" -> hasEnd(name, arguments);
          case "replace" -> replaced(arguments);
          case "join" -> joined(arguments.bind(name, 1, "iterable")[0]);
          case "find", "rfind", "index", "rindex" -> find(name, arguments);
          case "count" -> count(arguments);
          case "format" -> new FormatText(interpreter).format(text, arguments);
          case "format_map" ->
              new FormatText(interpreter).formatMap(text, arguments.bind(name, 1, "mapping")[0]);
          case "partition", "rpartition" -> partition(name, arguments);
          case "removeprefix" -> {
            String prefix = string(name, arguments.bind(name, 1, "prefix")[0]);
            yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
          }
          case "removesuffix" -> {
            String suffix = string(name, arguments.bind(name, 1, "suffix")[0]);
            yield text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
          }
          case "center", "ljust", "rjust" -> padded(name, arguments);
          case "zfill" -> zeroFilled(Numbers.index(arguments.bind(name, 1, "width")[0]));
          case "expandtabs" ->
              tabsExpanded(Numbers.index(Arguments.or(arguments.bind(name, 0, "tabsize")[0], 8L)));
          case "encode", "maketrans", "translate" ->
              throw new TemplateError("the method " + name + " of str isn't supported");
          default -> {
            arguments.none(name);
            yield plain(name);
          }
        };
    if (result instanceof String made) {
      interpreter.budget().length(made.length());
    } else if (result instanceof List<?> parts) {
      interpreter.budget().elements(parts.size());
    }
    return result;
  }

  /** Methods without arguments. */
  private Object plain(String name) {
    return switch (name) {
      case "upper" -> Text.upper(text);
      case "lower", "casefold" -> Text.lower(text);
      case "title" -> Text.titled(text);
      case "capitalize" -> Text.capitalized(text);
      case "swapcase" -> {
        StringBuilder out = new StringBuilder();
        text.codePoints()
            .forEach(
                c -> {
                  String point = Character.toString(c);
                  out.append(Character.isUpperCase(c) ? Text.lower(point) : Text.upper(point));
                });
        yield out.toString();
      }
      case "isspace" -> Text.all(text, Text::isSpace);
      case "isalpha" -> Text.all(text, Character::isLetter);
      case "isdecimal" -> Text.all(text, TextMethods::isDecimal);
      case "isdigit" -> Text.all(text, c -> isDecimal(c) || isSuperscript(c));
      case "isnumeric" -> Text.all(text, TextMethods::isNumeric);
      case "isalnum" -> Text.all(text, c -> Character.isLetter(c) || isNumeric(c));
      case "isascii" -> text.chars().allMatch(c -> c < 128);
      case "isprintable" -> text.codePoints().allMatch(Repr::isPrintable);
      case "isidentifier" ->
          !text.isEmpty()
              && (text.charAt(0) == '_' || Character.isUnicodeIdentifierStart(text.codePointAt(0)))
              && text.codePoints().allMatch(Character::isUnicodeIdentifierPart);
      case "isupper" -> isCased(Character::isUpperCase);
      case "islower" -> isCased(Character::isLowerCase);
      case "istitle" -> text.codePoints().anyMatch(Text::isCased) && text.equals(Text.titled(text));
      default -> throw new IllegalStateException(name);
    };
  }

  private static boolean isDecimal(int c) {
    return Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER;
  }

  private static boolean isNumeric(int c) {
    return isDecimal(c)
        || Character.getType(c) == Character.LETTER_NUMBER
        || Character.getType(c) == Character.OTHER_NUMBER;
  }

  private static boolean isSuperscript(int c) {
    return c == 0xb2 || c == 0xb3 || c == 0xb9 || c >= 0x2070 && c <= 0x2089 && isNumeric(c);
  }

  private boolean isCased(IntPredicate asked) {
    return text.codePoints().anyMatch(Text::isCased)
        && text.codePoints().allMatch(c -> !Text.isCased(c) || asked.test(c));
  }

  private static String string(String method, Object value) {
    if (value instanceof String string) {
      return string;
    } else if (value instanceof Markup markup) {
      return markup.text();
    } else if (value instanceof Undefined undefined) {
      throw undefined.error();
    }
    throw new TemplateError(method + "() argument must be str, not " + Values.typeName(value));
  }

  private Object split(String name, Arguments arguments) {
    Object[] values = arguments.bind(name, 0, "sep", "maxsplit");
    int limit = Numbers.index(Arguments.or(values[1], -1L));
    Object separator = Arguments.or(values[0], null);
    boolean last = name.equals("rsplit");
    if (separator == null) {
      return last ? Text.lastWords(text, limit) : Text.words(text, limit);
    }
    String between = string(name, separator);
    if (between.isEmpty()) {
      throw new TemplateError("empty separator");
    }
    searchFor(between);
    return last ? Text.splitLast(text, between, limit) : Text.split(text, between, limit);
  }

  private Object hasEnd(String name, Arguments arguments) {
    Object[] values = arguments.bind(name, 1, "affix", "start", "end");
    String part = part(values[1], values[2]);
    List<Object> affixes =
        values[0] instanceof Tuple tuple ? tuple.elements() : Values.list(values[0]);
    for (Object affix : affixes) {
      String end = string(name, affix);
      if (name.equals("startswith") ? part.startsWith(end) : part.endsWith(end)) {
        return true;
      }
    }
    return false;
  }

  private String part(Object start, Object end) {
    Object from = Arguments.or(start, null);
    Object to = Arguments.or(end, null);
    return from == null && to == null
        ? text
        : (String) new Members(interpreter).slice(text, from, to, null);
  }

  private String replaced(Arguments arguments) {
    Object[] values = arguments.bind("replace", 2, "old", "new", "count");
    return replaced(
        text,
        string("replace", values[0]),
        string("replace", values[1]),
        Numbers.index(Arguments.or(values[2], -1L)),
        interpreter.budget());
  }

  /** Python's str.replace; a negative count replaces all. */
  static String replaced(String text, String old, String made, int count, Budget budget) {
    budget.spend((long) text.length() / 8 * Math.max(1, old.length() / 8));
    int limit = count < 0 ? Integer.MAX_VALUE : count;
    StringBuilder out = new StringBuilder();
    int at = 0;
    int done = 0;
    if (old.isEmpty()) {
      for (int i = 0; i <= text.length() && done < limit; done++) {
        out.append(text, at, i).append(made);
        budget.spend(made.length());
        checkLength(out);
        at = i;
        i += i < text.length() ? Character.charCount(text.codePointAt(i)) : 1;
      }
      return out.append(text, at, text.length()).toString();
    }
    for (int i = text.indexOf(old); i >= 0 && done < limit; i = text.indexOf(old, at)) {
      out.append(text, at, i).append(made);
      budget.spend(made.length());
      checkLength(out);
      at = i + old.length();
      done++;
    }
    return done == 0 ? text : out.append(text, at, text.length()).toString();
  }

  private static void checkLength(StringBuilder out) {
    if (out.length() > Budget.TEXT) {
      throw new TemplateError("a text is too long: expected at most " + Budget.TEXT);
    }
  }

  private String joined(Object elements) {
    StringBuilder out = new StringBuilder();
    int place = 0;
    for (Object element : Values.elements(elements)) {
      if (!(element instanceof String part)) {
        throw new TemplateError(
            "sequence item "
                + place
                + ": expected str instance, "
                + Values.typeName(element)
                + " found");
      }
      out.append(place++ == 0 ? "" : text).append(part);
      checkLength(out);
    }
    return out.toString();
  }

  private Object find(String name, Arguments arguments) {
    Object[] values = arguments.bind(name, 1, "sub", "start", "end");
    String sub = string(name, values[0]);
    searchFor(sub);
    Object from = Arguments.or(values[1], null);
    int length = Text.length(text);
    int start = from == null ? 0 : Numbers.index(from);
    start = start < 0 ? Math.max(0, start + length) : start;
    String part = part(values[1], values[2]);
    int at = start > length ? -1 : name.startsWith("r") ? part.lastIndexOf(sub) : part.indexOf(sub);
    if (at < 0 && name.endsWith("index")) {
      throw new TemplateError("substring not found");
    }
    return at < 0 ? -1L : (long) start + part.codePointCount(0, at);
  }

  private Object count(Arguments arguments) {
    Object[] values = arguments.bind("count", 1, "sub", "start", "end");
    String sub = string("count", values[0]);
    searchFor(sub);
    String part = part(values[1], values[2]);
    if (sub.isEmpty()) {
      return Text.length(part) + 1L;
    }
    long count = 0;
    for (int i = part.indexOf(sub); i >= 0; i = part.indexOf(sub, i + sub.length())) {
      count++;
    }
    return count;
  }

  private Object partition(String name, Arguments arguments) {
    String separator = string(name, arguments.bind(name, 1, "sep")[0]);
    if (separator.isEmpty()) {
      throw new TemplateError("empty separator");
    }
    searchFor(separator);
    boolean last = name.equals("rpartition");
    int at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) {
      return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
    }
    return Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  private String padded(String name, Arguments arguments) {
    Object[] values = arguments.bind(name, 1, "width", "fillchar");
    String fill = string(name, Arguments.or(values[1], " "));
    if (Text.length(fill) != 1) {
      throw new TemplateError("The fill character must be exactly one character long");
    }
    int width = Numbers.index(values[0]);
    int room = Math.max(0, width - Text.length(text));
    interpreter.budget().length((long) room * fill.length() + text.length());
    int left =
        switch (name) {
          case "rjust" -> room;
          case "ljust" -> 0;
          default -> room / 2 + (room & width & 1);
        };
    return fill.repeat(left) + text + fill.repeat(room - left);
  }

  private String zeroFilled(int width) {
    int room = Math.max(0, width - Text.length(text));
    interpreter.budget().length((long) room + text.length());
    boolean signed = text.startsWith("-") || text.startsWith("+");
    return signed ? text.charAt(0) + "0".repeat(room) + text.substring(1) : "0".repeat(room) + text;
  }

  private String tabsExpanded(int size) {
    StringBuilder out = new StringBuilder();
    int column = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\t') {
        int room = size <= 0 ? 0 : size - column % size;
        interpreter.budget().length((long) out.length() / 8 + room);
        out.repeat(' ', room);
        column += room;
        checkLength(out);
      } else {
        out.append(c);
        column = c == '\n' || c == '\r' ? 0 : Character.isLowSurrogate(c) ? column : column + 1;
      }
    }
    return out.toString();
  }

  /** Pays for a search. */
  private void searchFor(String part) {
    interpreter.budget().spend((long) text.length() / 8 * Math.max(1, part.length() / 8));
  }
}
