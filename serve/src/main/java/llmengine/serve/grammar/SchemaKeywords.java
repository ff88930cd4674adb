package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The keywords of JSON Schema that are honoured, and how their values are read. */
final class SchemaKeywords {
  /** Say nothing about what is valid. */
  private static final Set<String> ANNOTATIONS =
      Set.of(
          "title",
          "description",
          "default",
          "example",
          "examples",
          "$schema",
          "$id",
          "id",
          "$comment",
          "$defs",
          "definitions",
          "deprecated",
          "readOnly",
          "writeOnly",
          "discriminator");

  static final Set<String> COMBINING = Set.of("$ref", "allOf", "anyOf", "oneOf");

  /** Keywords that hold for one type only, with the type. */
  private static final Map<String, String> TYPED =
      Map.ofEntries(
          Map.entry("properties", "object"),
          Map.entry("required", "object"),
          Map.entry("additionalProperties", "object"),
          Map.entry("minProperties", "object"),
          Map.entry("maxProperties", "object"),
          Map.entry("items", "array"),
          Map.entry("prefixItems", "array"),
          Map.entry("minItems", "array"),
          Map.entry("maxItems", "array"),
          Map.entry("uniqueItems", "array"),
          Map.entry("minLength", "string"),
          Map.entry("maxLength", "string"),
          Map.entry("pattern", "string"),
          Map.entry("minimum", "number"),
          Map.entry("maximum", "number"),
          Map.entry("exclusiveMinimum", "number"),
          Map.entry("exclusiveMaximum", "number"),
          Map.entry("multipleOf", "number"));

  private static final Set<String> OTHER = Set.of("type", "enum", "const", "nullable", "format");

  private SchemaKeywords() {}

  /** What the schema says, without annotations; an error naming a keyword that is not known. */
  static ObjectNode checked(ObjectNode schema, String path) {
    ObjectNode kept = schema.objectNode();
    for (Map.Entry<String, JsonNode> field : schema.properties()) {
      String keyword = field.getKey();
      if (ANNOTATIONS.contains(keyword)) {
        continue;
      }
      if (!TYPED.containsKey(keyword) && !COMBINING.contains(keyword) && !OTHER.contains(keyword)) {
        throw unsupported(path, keyword, "one of " + new TreeSet<>(supported()));
      }
      kept.set(keyword, field.getValue());
    }
    if (kept.path("nullable").asBoolean(false) && kept.has("type")) {
      // OpenAPI 3.0's way to add the type null
      ArrayNode types = schema.arrayNode();
      JsonNode type = kept.get("type");
      (type.isArray() ? type : List.of(type)).forEach(types::add);
      kept.set("type", types.add("null"));
    }
    kept.remove("nullable");
    return kept;
  }

  private static Set<String> supported() {
    Set<String> all = new TreeSet<>(TYPED.keySet());
    all.addAll(COMBINING);
    all.addAll(OTHER);
    return all;
  }

  /** The type a keyword holds for, null if it holds for any. */
  static String typeOf(String keyword) {
    return TYPED.get(keyword);
  }

  static GrammarException unsupported(String path, String keyword, String expected) {
    return GrammarException.of(
        "json_schema " + path,
        "keyword \"" + keyword + "\" is not supported here",
        expected,
        "\"" + keyword + "\"",
        "Leave it out.");
  }

  static GrammarException problem(String path, String what, String expected, String got) {
    return GrammarException.of("json_schema " + path, what, expected, got, "Correct the schema.");
  }

  /** A count that is not there is {@code absent}. */
  static int count(JsonNode schema, String keyword, String path, int absent) {
    JsonNode value = schema.get(keyword);
    if (value == null) {
      return absent;
    }
    boolean whole = value.isNumber() && value.decimalValue().stripTrailingZeros().scale() <= 0;
    if (!whole || value.decimalValue().signum() < 0) {
      throw problem(path, keyword, "a whole number of 0 or more", value.toString());
    }
    return value.decimalValue().min(BigDecimal.valueOf(Integer.MAX_VALUE)).intValue();
  }

  /** A number, null if it is not there. */
  static BigDecimal number(JsonNode schema, String keyword, String path) {
    JsonNode value = schema.get(keyword);
    if (value == null) {
      return null;
    }
    if (!value.isNumber()) {
      throw problem(path, keyword, "a number", value.toString());
    }
    return value.decimalValue();
  }

  static ObjectNode object(JsonNode value, String path, String keyword) {
    if (!(value instanceof ObjectNode object)) {
      throw problem(path, keyword, "an object", excerpt(value));
    }
    return object;
  }

  static JsonNode list(JsonNode value, String path, String keyword) {
    if (!value.isArray()) {
      throw problem(path, keyword, "a list", excerpt(value));
    }
    return value;
  }

  static String excerpt(JsonNode value) {
    String text = value.toString();
    return text.length() <= 80 ? text : text.substring(0, 80) + "...";
  }
}
