package llmengine.data.template.tool;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;
import java.util.Map;
import llmengine.data.DataException;

/**
 * JSON spelled as Python's {@code json.dumps(value, ensure_ascii=False)} spells it, which is what
 * models have seen: a space after commas and colons, floats as Python prints them, only quotes,
 * backslashes and control characters escaped.
 */
public final class PythonJson {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private PythonJson() {}

  /** The value of {@code text}; a {@link DataException} naming {@code where} if it isn't JSON. */
  public static JsonNode parse(String where, String text) {
    JsonNode json;
    try {
      json = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new DataException(
          where
              + ": invalid JSON: expected a JSON value, got "
              + excerpt(text)
              + " ("
              + e.getOriginalMessage()
              + "). Correct the row.",
          e);
    }
    if (json.isMissingNode()) {
      throw new DataException(
          where + ": invalid JSON: expected a JSON value, got empty text. Correct the row.");
    }
    return json;
  }

  /** On one line: {@code {"a": [1, 2]}}. */
  public static String write(JsonNode value) {
    StringBuilder out = new StringBuilder();
    write(value, -1, 0, out);
    return out.toString();
  }

  /**
   * With each level indented by {@code indent} spaces, as {@code json.dumps(..., indent=indent)}.
   */
  public static String write(JsonNode value, int indent) {
    StringBuilder out = new StringBuilder();
    write(value, indent, 0, out);
    return out.toString();
  }

  /**
   * A text value as it is, anything else as JSON: how formats with one tag per argument write
   * values.
   */
  static String plain(JsonNode value) {
    return value.isTextual() ? value.textValue() : write(value);
  }

  private static void write(JsonNode value, int indent, int depth, StringBuilder out) {
    switch (value.getNodeType()) {
      case OBJECT -> {
        String separator = "{";
        for (Map.Entry<String, JsonNode> field : value.properties()) {
          out.append(separator);
          newline(indent, depth + 1, separator.equals("{"), out);
          string(field.getKey(), false, out);
          out.append(": ");
          write(field.getValue(), indent, depth + 1, out);
          separator = ",";
        }
        close(separator, "{", '}', indent, depth, out);
      }
      case ARRAY -> {
        String separator = "[";
        for (JsonNode element : value) {
          out.append(separator);
          newline(indent, depth + 1, separator.equals("["), out);
          write(element, indent, depth + 1, out);
          separator = ",";
        }
        close(separator, "[", ']', indent, depth, out);
      }
      case STRING -> string(value.textValue(), false, out);
      case NUMBER ->
          out.append(value.isIntegralNumber() ? value.asText() : number(value.doubleValue()));
      default -> out.append(value.asText());
    }
  }

  /** Between elements: a line break and the indentation, or without indentation one space. */
  private static void newline(int indent, int depth, boolean first, StringBuilder out) {
    if (indent >= 0) {
      out.append('\n').repeat(' ', indent * depth);
    } else if (!first) {
      out.append(' ');
    }
  }

  private static void close(
      String separator, String open, char closing, int indent, int depth, StringBuilder out) {
    if (separator.equals(open)) {
      out.append(open);
    } else if (indent >= 0) {
      out.append('\n').repeat(' ', indent * depth);
    }
    out.append(closing);
  }

  /**
   * Shortest digits that read back as {@code value}; an exponent below 1e-4 and from 1e16 on. What
   * isn't finite is NaN, Infinity or -Infinity.
   */
  public static String number(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return Double.toString(value);
    }
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    // Java keeps two digits where one would do: 4.9E-324 is 5e-324.
    BigDecimal rounded = decimal.round(new MathContext(1));
    decimal = rounded.doubleValue() == value ? rounded.stripTrailingZeros() : decimal;
    String sign = value < 0 || 1 / value < 0 ? "-" : "";
    String digits = decimal.unscaledValue().abs().toString();
    int exponent = digits.length() - decimal.scale() - 1;
    if (value == 0) {
      return sign + "0.0";
    }
    if (exponent < -4 || exponent >= 16) {
      String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
      return sign
          + digits.charAt(0)
          + fraction
          + "e"
          + (exponent < 0 ? "-" : "+")
          + (Math.abs(exponent) < 10 ? "0" : "")
          + Math.abs(exponent);
    }
    String plain = decimal.abs().toPlainString();
    return sign + (plain.contains(".") ? plain : plain + ".0");
  }

  /**
   * Appends {@code text} in quotes.
   *
   * @param ascii whether all outside ASCII is escaped too, as {@code ensure_ascii=True} does
   */
  public static void string(String text, boolean ascii, StringBuilder out) {
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
          if (c < ' ' || ascii && c > 0x7f) {
            out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  private static String excerpt(String text) {
    return text.length() <= 120 ? text : text.substring(0, 120) + "...";
  }
}
