package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Schemas that must hold together ({@code allOf}, or {@code $ref} and others side by side). */
final class SchemaConjunction {
  private static final int MOST_ALTERNATIVES = 256;
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final JsonSchema schemas;
  private final Set<String> open = new LinkedHashSet<>();

  SchemaConjunction(JsonSchema schemas) {
    this.schemas = schemas;
  }

  /** Schemas that combine no others, one of which holds where {@code schema} does. */
  List<ObjectNode> alternatives(JsonNode schema, String path) {
    if (schema.isBoolean()) {
      return schema.booleanValue() ? List.of(JSON.objectNode()) : List.of();
    }
    ObjectNode checked =
        SchemaKeywords.checked(SchemaKeywords.object(schema, path, "schema"), path);
    ObjectNode own = checked.deepCopy();
    own.remove(SchemaKeywords.COMBINING);
    List<ObjectNode> result = List.of(own);
    if (checked.has("$ref")) {
      String pointer = checked.get("$ref").asText();
      JsonNode target = schemas.resolve(checked.get("$ref"), path);
      if (!open.add(pointer)) {
        throw SchemaKeywords.problem(path, "$ref", "a schema that is not its own part", pointer);
      }
      result = both(result, alternatives(target, pointer), path);
      open.remove(pointer);
    }
    JsonNode all = checked.path("allOf");
    for (int i = 0; i < all.size(); i++) {
      String at = path + "/allOf/" + i;
      result = both(result, alternatives(all.get(i), at), at);
    }
    for (String keyword : List.of("anyOf", "oneOf")) {
      if (checked.has(keyword)) {
        String at = path + "/" + keyword;
        JsonNode list = SchemaKeywords.list(checked.get(keyword), path, keyword);
        if (keyword.equals("oneOf")) {
          checkDisjoint(list, at);
        }
        List<ObjectNode> any = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
          any.addAll(alternatives(list.get(i), at + "/" + i));
          checkCount(any.size(), at);
        }
        result = both(result, any, at);
      }
    }
    return result;
  }

  private static void checkCount(long count, String path) {
    if (count > MOST_ALTERNATIVES) {
      throw SchemaKeywords.problem(
          path, "too many combinations", "at most " + MOST_ALTERNATIVES, "more");
    }
  }

  private static List<ObjectNode> both(List<ObjectNode> a, List<ObjectNode> b, String path) {
    checkCount((long) a.size() * b.size(), path);
    List<ObjectNode> result = new ArrayList<>();
    for (ObjectNode first : a) {
      for (ObjectNode second : b) {
        ObjectNode merged = merged(first, second, path);
        if (merged != null) {
          result.add(merged);
        }
      }
    }
    return result;
  }

  /** A schema that holds where both do; null if no value can. */
  private static ObjectNode merged(ObjectNode a, ObjectNode b, String path) {
    if (a.isEmpty() || b.isEmpty()) {
      return a.isEmpty() ? b : a;
    }
    ObjectNode out = a.deepCopy();
    closed(out, b, path);
    ObjectNode other = b.deepCopy();
    closed(other, a, path);
    for (Map.Entry<String, JsonNode> field : other.properties()) {
      String keyword = field.getKey();
      JsonNode mine = out.get(keyword);
      JsonNode value =
          mine == null || mine.equals(field.getValue())
              ? field.getValue()
              : merged(keyword, mine, field.getValue(), path);
      if (value == null) {
        return null;
      }
      out.set(keyword, value);
    }
    return out;
  }

  /** Gives the properties that only {@code other} names what this one says of additional ones. */
  private static void closed(ObjectNode schema, ObjectNode other, String path) {
    JsonNode additional = schema.get("additionalProperties");
    if (additional == null || additional.equals(BooleanNode.TRUE) || !other.has("properties")) {
      return;
    }
    ObjectNode mine =
        schema.has("properties")
            ? SchemaKeywords.object(schema.get("properties"), path, "properties")
            : schema.putObject("properties");
    ObjectNode theirs = SchemaKeywords.object(other.get("properties"), path, "properties");
    theirs
        .fieldNames()
        .forEachRemaining(
            name -> {
              if (!mine.has(name)) {
                mine.set(name, additional);
              }
            });
  }

  private static JsonNode merged(String keyword, JsonNode a, JsonNode b, String path) {
    return switch (keyword) {
      case "type" -> types(a, b);
      case "properties" -> {
        ObjectNode out = SchemaKeywords.object(a, path, keyword).deepCopy();
        for (Map.Entry<String, JsonNode> property :
            SchemaKeywords.object(b, path, keyword).properties()) {
          JsonNode mine = out.get(property.getKey());
          out.set(property.getKey(), mine == null ? property.getValue() : all(mine, property));
        }
        yield out;
      }
      case "required" -> {
        Set<JsonNode> names = new LinkedHashSet<>();
        SchemaKeywords.list(a, path, keyword).forEach(names::add);
        SchemaKeywords.list(b, path, keyword).forEach(names::add);
        yield JSON.arrayNode().addAll(names);
      }
      case "additionalProperties", "items" -> all(a, b);
      case "enum" -> {
        ArrayNode out = JSON.arrayNode();
        for (JsonNode value : SchemaKeywords.list(a, path, keyword)) {
          for (JsonNode theirs : SchemaKeywords.list(b, path, keyword)) {
            if (SchemaEnum.same(value, theirs)) {
              out.add(value);
            }
          }
        }
        yield out.isEmpty() ? null : out;
      }
      case "const" -> SchemaEnum.same(a, b) ? a : null;
      case "uniqueItems" -> BooleanNode.valueOf(a.asBoolean() || b.asBoolean());
      case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties" ->
          a.decimalValue().compareTo(b.decimalValue()) >= 0 ? a : b;
      case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties" ->
          a.decimalValue().compareTo(b.decimalValue()) <= 0 ? a : b;
      default ->
          throw SchemaKeywords.problem(
              path, "two values of \"" + keyword + "\" at once", "one", a + " and " + b);
    };
  }

  private static JsonNode all(JsonNode a, Map.Entry<String, JsonNode> b) {
    return all(a, b.getValue());
  }

  private static JsonNode all(JsonNode a, JsonNode b) {
    if (a.equals(b) || b.equals(BooleanNode.TRUE) || a.equals(BooleanNode.FALSE)) {
      return a;
    }
    if (a.equals(BooleanNode.TRUE) || b.equals(BooleanNode.FALSE)) {
      return b;
    }
    ObjectNode both = JSON.objectNode();
    both.putArray("allOf").add(a).add(b);
    return both;
  }

  private static JsonNode types(JsonNode a, JsonNode b) {
    ArrayNode out = JSON.arrayNode();
    for (JsonNode mine : a.isArray() ? a : List.of(a)) {
      for (JsonNode theirs : b.isArray() ? b : List.of(b)) {
        String x = mine.asText();
        String y = theirs.asText();
        if (x.equals(y) || x.equals("integer") && y.equals("number")) {
          out.add(x);
        } else if (x.equals("number") && y.equals("integer")) {
          out.add(y);
        }
      }
    }
    return out.isEmpty() ? null : out.size() == 1 ? out.get(0) : out;
  }

  /**
   * A {@link GrammarException} unless each value holds for at most one schema of the list, as far
   * as types, listed values and required properties tell.
   */
  void checkDisjoint(JsonNode list, String path) {
    SchemaKeywords.list(list, path, "oneOf");
    List<List<ObjectNode>> options = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      options.add(alternatives(list.get(i), path + "/" + i));
      checkCount(options.stream().mapToInt(List::size).sum(), path);
    }
    for (int i = 0; i < options.size(); i++) {
      for (int j = 0; j < i; j++) {
        for (ObjectNode a : options.get(i)) {
          for (ObjectNode b : options.get(j)) {
            if (!disjoint(a, b, path)) {
              throw SchemaKeywords.problem(
                  path,
                  "alternatives " + j + " and " + i + " may hold at once",
                  "alternatives that differ in type, const or enum, or in these of a required"
                      + " property",
                  "others; anyOf may be what is meant");
            }
          }
        }
      }
    }
  }

  private boolean disjoint(ObjectNode a, ObjectNode b, String path) {
    List<JsonNode> first = SchemaEnum.list(a, path);
    List<JsonNode> second = SchemaEnum.list(b, path);
    if (first != null && second != null) {
      return first.stream().noneMatch(x -> second.stream().anyMatch(y -> SchemaEnum.same(x, y)));
    }
    if (!a.has("type") && first == null || !b.has("type") && second == null) {
      return false;
    }
    if (first != null || second != null) {
      List<JsonNode> values = first != null ? first : second;
      Set<String> types = JsonSchema.types(first != null ? b : a, path);
      return values.stream().noneMatch(v -> types.stream().anyMatch(t -> SchemaEnum.isOf(v, t)));
    }
    JsonNode shared = types(a.get("type"), b.get("type"));
    if (shared == null) {
      return true;
    }
    if (!shared.isTextual() || !shared.asText().equals("object")) {
      return false;
    }
    for (JsonNode name : a.path("required")) {
      JsonNode mine = a.path("properties").path(name.asText());
      JsonNode theirs = b.path("properties").path(name.asText());
      boolean required = false;
      for (JsonNode other : b.path("required")) {
        required |= other.equals(name);
      }
      if (required && mine.isObject() && theirs.isObject() && disjointValues(mine, theirs, path)) {
        return true;
      }
    }
    return false;
  }

  private boolean disjointValues(JsonNode a, JsonNode b, String path) {
    for (ObjectNode x : alternatives(a, path)) {
      for (ObjectNode y : alternatives(b, path)) {
        if (!disjoint(x, y, path)) {
          return false;
        }
      }
    }
    return true;
  }
}
