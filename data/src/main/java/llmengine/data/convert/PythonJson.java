package llmengine.data.convert;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;

/** JSON text as Python's {@code json.dumps(value, ensure_ascii=False)} spaces and escapes it: models were trained on that. */
final class PythonJson {
  private PythonJson() {}

  static String write(JsonNode node) {
    var out = new StringBuilder();
    write(node, out);
    return out.toString();
  }

  private static void write(JsonNode node, StringBuilder out) {
    if (node.isObject()) {
      String separator = "{";
      for (var field : node.properties()) {
        out.append(separator);
        string(field.getKey(), out);
        out.append(": ");
        write(field.getValue(), out);
        separator = ", ";
      }
      out.append(node.isEmpty() ? "{}" : "}");
    } else if (node.isArray()) {
      String separator = "[";
      for (JsonNode element : node) {
        out.append(separator);
        write(element, out);
        separator = ", ";
      }
      out.append(node.isEmpty() ? "[]" : "]");
    } else if (node.isTextual()) {
      string(node.asText(), out);
    } else if (node.isDouble() || node.isFloat()) {
      out.append(real(node.asDouble()));
    } else {
      out.append(node.asText());
    }
  }

  /** Python's repr: the shortest digits, exponent form from 1e16 and below 1e-4. */
  private static String real(double value) {
    double size = Math.abs(value);
    String digits = Double.toString(value);
    if (size == 0 || (size >= 1e-3 && size < 1e7)) {
      return digits;
    }
    var exact = new BigDecimal(digits);
    if (size >= 1e-4 && size < 1e16) {
      String plain = exact.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String mantissa = exact.unscaledValue().toString();
    int sign = mantissa.startsWith("-") ? 1 : 0;
    int exponent = mantissa.length() - sign - 1 - exact.scale();
    mantissa = mantissa.replaceFirst("(?<=\\d)0+$", "");
    String head = mantissa.substring(0, sign + 1);
    String tail = mantissa.substring(sign + 1);
    return head + (tail.isEmpty() ? "" : "." + tail) + "e" + (exponent < 0 ? "-" : "+")
        + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
  }

  private static void string(String text, StringBuilder out) {
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
          if (c < 0x20) {
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
