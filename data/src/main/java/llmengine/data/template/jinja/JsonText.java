package llmengine.data.template.jinja;

import java.math.BigInteger;
import java.util.Comparator;
import java.util.List;
import llmengine.data.template.tool.PythonJson;

/**
 * Python's json.dumps of values.
 *
 * @param indent what a level is indented by; null writes one line
 * @param between texts between elements, and between key and value
 */
record JsonText(
    boolean ascii, String indent, String between, String afterKey, boolean sorted, Budget budget) {

  String of(Object value) {
    StringBuilder out = new StringBuilder();
    write(value, out, 0);
    return out.toString();
  }

  private void write(Object value, StringBuilder out, int depth) {
    if (depth > Values.DEPTH || out.length() > Budget.TEXT) {
      throw new TemplateError("a value is too large or nested too deep for JSON");
    }
    switch (value) {
      case null -> out.append("null");
      case Boolean flag -> out.append(flag.booleanValue());
      case Long n -> out.append(n.longValue());
      case BigInteger n -> out.append(n);
      case Double d -> out.append(number(d));
      case String text -> string(text, out);
      case Markup markup -> string(markup.text(), out);
      case Range range -> throw unknown(range);
      case List<?> list -> elements(list, out, depth);
      case Tuple tuple -> elements(tuple.elements(), out, depth);
      case Dict dict -> entries(dict, out, depth);
      default -> throw unknown(value);
    }
  }

  private static TemplateError unknown(Object value) {
    return new TemplateError(
        "Object of type " + Values.typeName(value) + " is not JSON serializable");
  }

  private static String number(double d) {
    return Double.isNaN(d)
        ? "NaN"
        : Double.isInfinite(d) ? (d > 0 ? "Infinity" : "-Infinity") : PythonJson.number(d);
  }

  private void elements(List<?> elements, StringBuilder out, int depth) {
    String separator = "[";
    for (Object element : elements) {
      out.append(separator);
      newline(out, depth + 1);
      write(element, out, depth + 1);
      separator = between;
    }
    if (elements.isEmpty()) {
      out.append("[");
    } else {
      newline(out, depth);
    }
    out.append(']');
  }

  private void entries(Dict dict, StringBuilder out, int depth) {
    List<Object> items = dict.items();
    if (sorted) {
      items.sort(
          Comparator.comparing(
              item -> ((Tuple) item).elements().get(0), new Order(budget)::compare));
    }
    String separator = "{";
    for (Object item : items) {
      out.append(separator);
      newline(out, depth + 1);
      string(key(((Tuple) item).elements().get(0)), out);
      out.append(afterKey);
      write(((Tuple) item).elements().get(1), out, depth + 1);
      separator = between;
    }
    if (items.isEmpty()) {
      out.append("{");
    } else {
      newline(out, depth);
    }
    out.append('}');
  }

  private static String key(Object key) {
    return switch (key) {
      case null -> "null";
      case String text -> text;
      case Boolean flag -> flag.toString();
      case Long n -> n.toString();
      case BigInteger n -> n.toString();
      case Double d -> number(d);
      default ->
          throw new TemplateError(
              "keys must be str, int, float, bool or None, not " + Values.typeName(key));
    };
  }

  private void newline(StringBuilder out, int depth) {
    if (indent != null) {
      out.append('\n').repeat(indent, depth);
    }
  }

  private void string(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ' || ascii && c >= 0x7f && c != 0x7f) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
