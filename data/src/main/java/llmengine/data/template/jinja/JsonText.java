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
      case Double d -> out.append(PythonJson.number(d));
      case String text -> PythonJson.string(text, ascii, out);
      case Markup markup -> PythonJson.string(markup.text(), ascii, out);
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
      PythonJson.string(key(((Tuple) item).elements().get(0)), ascii, out);
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
      case Double d -> PythonJson.number(d);
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
}
