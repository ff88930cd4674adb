package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/** A string: its length, or what its pattern or format asks for. */
final class StringRules {
  private static final String DAY_OF_YEAR =
      "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
          + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
          + "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
  private static final String TIME =
      "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
          + "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
  private static final String BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  private static final String IPV4 = "(?:" + BYTE + "\\.){3}" + BYTE;
  private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
  private static final String HOST = LABEL + "(?:\\." + LABEL + "){0,5}";
  private static final String HEX4 = "[0-9A-Fa-f]{1,4}";
  private static final String ATOM = "[A-Za-z0-9_+-]";
  private static final String PATH_CHAR = "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})";

  /** Expressions for formats; some take a part of what a format allows, none takes more. */
  private static final Map<String, String> FORMATS =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry("date", DAY_OF_YEAR),
              Map.entry("time", TIME),
              Map.entry("date-time", DAY_OF_YEAR + "T" + TIME),
              Map.entry(
                  "duration",
                  "P(?:[0-9]{1,6}W|(?:[0-9]{1,6}D|[0-9]{1,6}M(?:[0-9]{1,6}D)?"
                      + "|[0-9]{1,6}Y(?:[0-9]{1,6}M(?:[0-9]{1,6}D)?)?)(?:T(?:HMS))?|T(?:HMS))"),
              Map.entry(
                  "uuid",
                  "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
                      + "[0-9a-fA-F]{12}"),
              Map.entry(
                  "email",
                  ATOM
                      + "{1,32}(?:\\."
                      + ATOM
                      + "{1,15}){0,1}@"
                      + LABEL
                      + "(?:\\.[A-Za-z]{2,12})"
                      + "{1,2}"),
              Map.entry("hostname", HOST),
              Map.entry("ipv4", IPV4),
              Map.entry(
                  "ipv6",
                  "(?:(?:"
                      + HEX4
                      + ":){7}"
                      + HEX4
                      + "|::(?:"
                      + HEX4
                      + "(?::"
                      + HEX4
                      + "){0,5})?|(?:"
                      + HEX4
                      + ":){1,3}(?::"
                      + HEX4
                      + "){1,3})"),
              Map.entry(
                  "uri",
                  "[A-Za-z][A-Za-z0-9+.-]{0,20}:(?://"
                      + HOST
                      + "(?::[0-9]{1,4})?(?:/"
                      + PATH_CHAR
                      + "*)?|"
                      + PATH_CHAR.replace("/-]", "-]")
                      + PATH_CHAR
                      + "*)(?:\\?"
                      + PATH_CHAR
                      + "*)?(?:#"
                      + PATH_CHAR
                      + "*)?")));

  static {
    String clock =
        "(?:[0-9]{1,6}S|[0-9]{1,6}M(?:[0-9]{1,6}S)?|[0-9]{1,6}H(?:[0-9]{1,6}M(?:[0-9]{1,6}S)?)?)";
    FORMATS.computeIfPresent("duration", (k, v) -> v.replace("(?:HMS)", clock));
  }

  private StringRules() {}

  /** As JSON. */
  static Expression expression(ObjectNode schema, String path) {
    Expression content = content(schema, JsonText.CHAR, JsonText::inString, path);
    return content == null
        ? JsonText.STRING
        : Expression.sequence(JsonText.QUOTE, content, JsonText.QUOTE);
  }

  /** Without quotes and escapes, of these characters where the schema leaves them open. */
  static Expression bare(ObjectNode schema, Expression character, String path) {
    Expression content = content(schema, character, e -> e, path);
    return content == null ? Expression.any(character) : content;
  }

  /** Null if any text will do. */
  private static Expression content(
      ObjectNode schema, Expression character, UnaryOperator<Expression> spelled, String path) {
    int min = SchemaKeywords.count(schema, "minLength", path, 0);
    int max = SchemaKeywords.count(schema, "maxLength", path, -1);
    JsonNode pattern = schema.get("pattern");
    JsonNode format = schema.get("format");
    boolean lengths = schema.has("minLength") || schema.has("maxLength");
    if (pattern != null && format != null || (pattern != null || format != null) && lengths) {
      String kept = pattern != null ? "pattern" : "format";
      String other = pattern != null && format != null ? "format" : "minLength or maxLength";
      throw SchemaKeywords.unsupported(
          path, other, "only one of pattern, format and lengths (here " + kept + ")");
    }
    if (pattern != null) {
      return parsed(pattern.asText(), path).map(spelled).within(character);
    }
    if (format != null) {
      String known = FORMATS.get(format.asText());
      if (known == null) {
        throw SchemaKeywords.problem(
            path,
            "format is not supported",
            "one of " + new TreeSet<>(FORMATS.keySet()),
            format.toString());
      }
      return spelled.apply(Regex.parse(known).expression());
    }
    if (max >= 0 && min > max) {
      throw SchemaKeywords.problem(
          path, "minLength, maxLength", "a least length below the most", min + " to " + max);
    }
    return lengths ? Expression.repeat(character, min, max) : null;
  }

  private static Regex.Parsed parsed(String pattern, String path) {
    try {
      return Regex.parse(pattern);
    } catch (GrammarException e) {
      throw new GrammarException("json_schema " + path + " pattern: " + e.getMessage());
    }
  }
}
