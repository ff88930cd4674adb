package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Values listed by {@code const} or {@code enum}. */
final class SchemaEnum {
  private static final Set<String> BESIDE = Set.of("const", "enum", "type");

  private final ObjectNode schema;
  private final String path;

  SchemaEnum(ObjectNode schema, String path) {
    this.schema = schema;
    this.path = path;
    for (Map.Entry<String, JsonNode> field : schema.properties()) {
      if (!BESIDE.contains(field.getKey())) {
        throw SchemaKeywords.unsupported(path, field.getKey(), "type beside const or enum");
      }
    }
  }

  /** The values of these types, of any if there are none. */
  Expression values(Set<String> types) {
    List<Expression> options = new ArrayList<>();
    for (JsonNode value : list(schema, path)) {
      if (types.isEmpty() || types.stream().anyMatch(type -> isOf(value, type))) {
        options.add(value(value));
      }
    }
    return Expression.choice(options);
  }

  /** The listed values; null if the schema lists none. */
  static List<JsonNode> list(ObjectNode schema, String path) {
    JsonNode constant = schema.get("const");
    JsonNode several = schema.get("enum");
    if (several == null) {
      return constant == null ? null : List.of(constant);
    }
    List<JsonNode> values = new ArrayList<>();
    SchemaKeywords.list(several, path, "enum").forEach(values::add);
    if (constant != null) {
      values.removeIf(value -> !same(value, constant));
    }
    return values;
  }

  /** Equality as JSON Schema has it: 1 is 1.0. */
  static boolean same(JsonNode a, JsonNode b) {
    return a.isNumber() && b.isNumber()
        ? a.decimalValue().compareTo(b.decimalValue()) == 0
        : a.equals(b);
  }

  static boolean isOf(JsonNode value, String type) {
    return switch (type) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isTextual();
      case "number" -> value.isNumber();
      case "integer" -> value.isNumber() && value.decimalValue().stripTrailingZeros().scale() <= 0;
      case "boolean" -> value.isBoolean();
      default -> value.isNull();
    };
  }

  private static Expression value(JsonNode value) {
    List<Expression> parts = new ArrayList<>();
    add(value, parts);
    return Expression.sequence(parts);
  }

  private static void add(JsonNode value, List<Expression> parts) {
    if (value.isObject()) {
      parts.add(Expression.text("{"));
      boolean first = true;
      for (Map.Entry<String, JsonNode> field : value.properties()) {
        parts.add(first ? JsonText.WS : JsonText.comma());
        first = false;
        parts.add(JsonText.literal(field.getKey()));
        parts.add(Expression.text(":"));
        parts.add(JsonText.WS);
        add(field.getValue(), parts);
      }
      parts.add(JsonText.WS);
      parts.add(Expression.text("}"));
    } else if (value.isArray()) {
      parts.add(Expression.text("["));
      boolean first = true;
      for (JsonNode item : value) {
        parts.add(first ? JsonText.WS : JsonText.comma());
        first = false;
        add(item, parts);
      }
      parts.add(JsonText.WS);
      parts.add(Expression.text("]"));
    } else {
      parts.add(
          value.isTextual()
              ? JsonText.literal(value.textValue())
              : Expression.text(value.toString()));
    }
  }
}
