package llmengine.data.template.jinja;

import java.util.Map;

/** Python's str.format: {@code {}}, {@code {0}}, {@code {name.attribute[key]!r:>5}}. */
final class FormatText {
  private final Interpreter interpreter;

  /** Place of the next field without a number. */
  private int next;

  FormatText(Interpreter interpreter) {
    this.interpreter = interpreter;
  }

  String format(String text, Arguments arguments) {
    return format(text, arguments, 0);
  }

  String formatMap(String text, Object mapping) {
    if (!(mapping instanceof Dict dict)) {
      throw new TemplateError("format_map() needs a mapping");
    }
    Map<String, Object> named = new java.util.LinkedHashMap<>();
    dict.keys().forEach(key -> named.put(Values.text(key), dict.get(key)));
    return format(text, new Arguments(java.util.List.of(), named), 0);
  }

  private String format(String text, Arguments arguments, int depth) {
    if (depth > 1) {
      throw new TemplateError("Max string recursion exceeded");
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '{' && c != '}') {
        out.append(c);
      } else if (i + 1 < text.length() && text.charAt(i + 1) == c) {
        out.append(c);
        i++;
      } else if (c == '}') {
        throw new TemplateError("Single '}' encountered in format string");
      } else {
        int end = end(text, i + 1);
        String made = field(text.substring(i + 1, end), arguments, depth);
        interpreter.budget().length((long) out.length() / 8 + made.length());
        out.append(made);
        i = end;
      }
    }
    return out.toString();
  }

  private static int end(String text, int from) {
    int open = 1;
    for (int i = from; i < text.length(); i++) {
      open += text.charAt(i) == '{' ? 1 : text.charAt(i) == '}' ? -1 : 0;
      if (open == 0) {
        return i;
      }
    }
    throw new TemplateError("expected '}' before end of string");
  }

  private String field(String field, Arguments arguments, int depth) {
    int colon = field.indexOf(':');
    String head = colon < 0 ? field : field.substring(0, colon);
    String spec = colon < 0 ? "" : field.substring(colon + 1);
    int mark = head.indexOf('!');
    String conversion = mark < 0 ? "" : head.substring(mark + 1);
    Object value = lookUp(mark < 0 ? head : head.substring(0, mark), arguments);
    if (spec.indexOf('{') >= 0) {
      spec = format(spec, arguments, depth + 1);
    }
    value =
        switch (conversion) {
          case "" -> value;
          case "s" -> Values.text(value);
          case "r", "a" -> Values.repr(value);
          default -> throw new TemplateError("Unknown conversion specifier '" + conversion + "'");
        };
    return spec.isEmpty() ? Values.text(value) : FormatSpec.parse(spec).format(value);
  }

  private Object lookUp(String name, Arguments arguments) {
    int end = 0;
    while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
      end++;
    }
    String first = name.substring(0, end);
    Object value;
    if (first.isEmpty() || first.chars().allMatch(c -> c >= '0' && c <= '9')) {
      int place = first.isEmpty() ? next++ : first.length() > 6 ? -1 : Integer.parseInt(first);
      if (place < 0 || place >= arguments.positional().size()) {
        throw new TemplateError("Replacement index " + place + " out of range");
      }
      value = arguments.positional().get(place);
    } else if (arguments.named().containsKey(first)) {
      value = arguments.named().get(first);
    } else {
      throw new TemplateError("format() has no argument '" + first + "'");
    }
    Members members = new Members(interpreter);
    for (int i = end; i < name.length(); ) {
      if (name.charAt(i) == '.') {
        int to = i + 1;
        while (to < name.length() && name.charAt(to) != '.' && name.charAt(to) != '[') {
          to++;
        }
        value = members.attribute(value, name.substring(i + 1, to));
        i = to;
      } else {
        int to = name.indexOf(']', i);
        if (name.charAt(i) != '[' || to < 0) {
          throw new TemplateError("Missing ']' in format string");
        }
        String key = name.substring(i + 1, to);
        boolean index = !key.isEmpty() && key.length() < 10 && key.matches("[0-9]+");
        value = members.item(value, index ? (Object) Long.parseLong(key) : key);
        i = to + 1;
      }
    }
    return value;
  }
}
