package llmengine.data.template.jinja;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import llmengine.data.template.tool.PythonJson;

/** Python's repr of values: how lists, dicts and the texts in them print. */
final class Repr {
  private Repr() {}

  static void write(Object value, StringBuilder out, int depth) {
    if (depth > Values.DEPTH || out.length() > Budget.TEXT) {
      throw new TemplateError("a value is too large or nested too deep to print");
    }
    switch (value) {
      case null -> out.append("None");
      case Boolean flag -> out.append(flag ? "True" : "False");
      case Long n -> out.append(n.longValue());
      case BigInteger n -> out.append(n);
      case Double d -> out.append(number(d));
      case String text -> quoted(text, out);
      case Markup markup -> {
        out.append("Markup(");
        quoted(markup.text(), out);
        out.append(')');
      }
      case Range range -> out.append(range.repr());
      case List<?> list -> elements('[', list, ']', out, depth);
      case Tuple tuple -> {
        elements('(', tuple.elements(), ')', out, depth);
        if (tuple.elements().size() == 1) {
          out.insert(out.length() - 1, ',');
        }
      }
      case Dict dict -> {
        entries(dict.items(), out, depth);
      }
      case DictView view -> {
        out.append("dict_").append(view.kind()).append('(');
        elements('[', view.elements(), ']', out, depth);
        out.append(')');
      }
      case Namespace namespace -> {
        out.append("<Namespace ");
        entries(pairs(namespace.attributes), out, depth);
        out.append('>');
      }
      case Undefined undefined -> out.append("Undefined");
      case Loop loop -> out.append(loop.repr());
      case Macro macro -> out.append("<Macro ").append(Values.repr(macro.name())).append('>');
      case Generator generator -> out.append("<generator object>");
      case Function function -> out.append("<function ").append(function.name()).append('>');
      default -> out.append('<').append(Values.typeName(value)).append('>');
    }
  }

  /** Python's str and repr of a float. */
  static String number(double d) {
    return Double.isNaN(d)
        ? "nan"
        : Double.isInfinite(d) ? (d > 0 ? "inf" : "-inf") : PythonJson.number(d);
  }

  private static List<Object> pairs(Map<String, Object> attributes) {
    return attributes.entrySet().stream()
        .<Object>map(e -> Tuple.of(e.getKey(), e.getValue()))
        .toList();
  }

  private static void elements(
      char open, List<?> elements, char close, StringBuilder out, int depth) {
    out.append(open);
    String separator = "";
    for (Object element : elements) {
      out.append(separator);
      write(element, out, depth + 1);
      separator = ", ";
    }
    out.append(close);
  }

  private static void entries(List<Object> items, StringBuilder out, int depth) {
    out.append('{');
    String separator = "";
    for (Object item : items) {
      out.append(separator);
      write(((Tuple) item).elements().get(0), out, depth + 1);
      out.append(": ");
      write(((Tuple) item).elements().get(1), out, depth + 1);
      separator = ", ";
    }
    out.append('}');
  }

  private static void quoted(String text, StringBuilder out) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                  if (c == quote) {
                    out.append('\\').append(quote);
                  } else if (isPrintable(c)) {
                    out.appendCodePoint(c);
                  } else if (c < 0x100) {
                    out.append(String.format(Locale.ROOT, "\\x%02x", c));
                  } else if (c < 0x10000) {
                    out.append(String.format(Locale.ROOT, "\\u%04x", c));
                  } else {
                    out.append(String.format(Locale.ROOT, "\\U%08x", c));
                  }
                }
              }
            });
    out.append(quote);
  }

  static boolean isPrintable(int c) {
    return c == ' '
        || switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }
}
