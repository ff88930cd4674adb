package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Compiles a JSON schema to rules. What is not honoured is an error naming keyword and path. Where
 * the schema leaves more open than a grammar should, the narrower reading is taken: properties come
 * in the schema's order, and an object that names its properties has no others unless {@code
 * additionalProperties} allows them.
 */
final class JsonSchema {
  private static final int DEEPEST = 100;
  private static final int MOST_SCHEMAS = 20_000;
  private static final List<String> TYPES =
      List.of("object", "array", "string", "number", "integer", "boolean", "null");

  private final JsonNode document;
  private final String prefix;
  private final Map<String, Expression> rules;
  private final Map<String, String> references = new HashMap<>();
  private final Map<JsonNode, String> conjunctions = new HashMap<>();
  private final ArrayDeque<Runnable> waiting = new ArrayDeque<>();
  private final SchemaConjunction conjunction = new SchemaConjunction(this);
  private int depth;
  private int schemas;
  private int names;

  JsonSchema(JsonNode document, String prefix, Map<String, Expression> rules) {
    this.document = document;
    this.prefix = prefix;
    this.rules = rules;
  }

  /** The rules of a grammar whose root matches what the schema allows. */
  static Map<String, Expression> rules(JsonNode schema) {
    Map<String, Expression> rules = new LinkedHashMap<>();
    JsonText.addRules(rules);
    rules.put("root", Expression.sequence(JsonText.WS, add(schema, "schema-", rules)));
    return rules;
  }

  /**
   * Adds rules for what the schema allows and returns what matches it. {@code prefix} keeps the
   * names apart from others'; the rules of {@link JsonText} must be there.
   */
  static Expression add(JsonNode schema, String prefix, Map<String, Expression> rules) {
    var compiler = new JsonSchema(schema, prefix, rules);
    Expression root = compiler.compile(schema, "#");
    compiler.finish();
    return root;
  }

  /** Compiles what is referred to; must come last. */
  void finish() {
    while (!waiting.isEmpty()) {
      waiting.remove().run();
    }
  }

  /** A new rule. */
  Expression rule(String hint, Expression body) {
    String name = name(hint);
    rules.put(name, body);
    return Expression.rule(name);
  }

  String name(String hint) {
    return prefix + hint + "-" + names++;
  }

  void put(String name, Expression body) {
    rules.put(name, body);
  }

  /** What matches the schema at {@code path}. */
  Expression compile(JsonNode schema, String path) {
    if (schema.isBoolean()) {
      return schema.booleanValue() ? JsonText.VALUE : Expression.choice(List.of());
    }
    if (++depth > DEEPEST) {
      throw SchemaKeywords.problem(
          path, "too deep", "at most " + DEEPEST + " schemas within each other", "more");
    }
    if (++schemas > MOST_SCHEMAS) {
      throw SchemaKeywords.problem(
          path, "too large", "at most " + MOST_SCHEMAS + " schemas", "more");
    }
    ObjectNode checked =
        SchemaKeywords.checked(SchemaKeywords.object(schema, path, "schema"), path);
    Expression compiled = combined(checked, path);
    depth--;
    return compiled;
  }

  private Expression combined(ObjectNode schema, String path) {
    List<String> combining =
        SchemaKeywords.COMBINING.stream().filter(schema::has).sorted().toList();
    if (combining.isEmpty()) {
      return plain(schema, path);
    }
    if (combining.size() == 1 && schema.size() == 1) {
      String keyword = combining.getFirst();
      JsonNode value = schema.get(keyword);
      switch (keyword) {
        case "$ref" -> {
          return reference(value, path);
        }
        case "anyOf" -> {
          return anyOf(value, path + "/anyOf");
        }
        case "oneOf" -> {
          conjunction.checkDisjoint(value, path + "/oneOf");
          return anyOf(value, path + "/oneOf");
        }
        default -> {
          if (value.size() == 1) {
            return compile(value.get(0), path + "/allOf/0");
          }
        }
      }
    }
    String known = conjunctions.get(schema);
    if (known == null) {
      String name = name("all");
      conjunctions.put(schema, name);
      List<Expression> options = new ArrayList<>();
      for (ObjectNode alternative : conjunction.alternatives(schema, path)) {
        options.add(plain(alternative, path));
      }
      put(name, Expression.choice(options));
      known = name;
    }
    return Expression.rule(known);
  }

  private Expression anyOf(JsonNode list, String path) {
    SchemaKeywords.list(list, path, "anyOf");
    List<Expression> options = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      options.add(compile(list.get(i), path + "/" + i));
    }
    return Expression.choice(options);
  }

  private Expression reference(JsonNode value, String path) {
    String pointer = value.asText();
    String known = references.get(pointer);
    if (known == null) {
      JsonNode target = resolve(value, path);
      String name = name("ref");
      references.put(pointer, name);
      // later, so that chains of references don't nest
      waiting.add(
          () -> {
            depth = 0;
            put(name, compile(target, pointer));
          });
      known = name;
    }
    return Expression.rule(known);
  }

  /** The schema a {@code $ref} means. */
  JsonNode resolve(JsonNode reference, String path) {
    String pointer = reference.asText();
    boolean local = reference.isTextual() && (pointer.equals("#") || pointer.startsWith("#/"));
    JsonNode target =
        local ? document.at(decoded(pointer.substring(1))) : document.path("no such schema");
    if (target.isMissingNode()) {
      throw SchemaKeywords.problem(
          path,
          "$ref",
          "# or #/ and the path of a schema within this document",
          reference.toString());
    }
    return target;
  }

  private static String decoded(String pointer) {
    return URLDecoder.decode(pointer.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  /** What matches a schema that combines no others. */
  private Expression plain(ObjectNode schema, String path) {
    Set<String> types = types(schema, path);
    if (schema.has("const") || schema.has("enum")) {
      return new SchemaEnum(schema, path).values(types);
    }
    if (types.isEmpty()) {
      return schema.has("format") ? typed("string", schema, path) : JsonText.VALUE;
    }
    List<Expression> options = new ArrayList<>();
    for (String type : types) {
      options.add(typed(type, schema, path));
    }
    return Expression.choice(options);
  }

  private Expression typed(String type, ObjectNode schema, String path) {
    return switch (type) {
      case "object" -> new ObjectRules(this, schema, path).expression();
      case "array" -> new ArrayRules(this, schema, path).expression();
      case "string" -> StringRules.expression(schema, path);
      case "number", "integer" -> NumberRules.expression(type.equals("integer"), schema, path);
      case "boolean" -> JsonText.BOOLEAN;
      default -> JsonText.NULL;
    };
  }

  /**
   * The types that a schema asks for: those it names, or the one that its keywords are about; none
   * if any will do.
   */
  static Set<String> types(ObjectNode schema, String path) {
    Set<String> types = new LinkedHashSet<>();
    JsonNode type = schema.get("type");
    if (type != null) {
      for (JsonNode one : type.isArray() ? type : List.of(type)) {
        if (!TYPES.contains(one.asText())) {
          throw SchemaKeywords.problem(path, "type", "one of " + TYPES, one.toString());
        }
        types.add(one.asText());
      }
      if (types.contains("number")) {
        types.remove("integer");
      }
      return types;
    }
    schema
        .fieldNames()
        .forEachRemaining(
            keyword -> {
              String about = SchemaKeywords.typeOf(keyword);
              if (about != null) {
                types.add(about);
              }
            });
    boolean values = schema.has("const") || schema.has("enum");
    if (types.size() > 1 && !values) {
      throw SchemaKeywords.problem(path, "type", "a type beside keywords of several types", "none");
    }
    return values ? Set.of() : types;
  }
}
