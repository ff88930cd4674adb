package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import llmengine.serve.chat.CallSyntax;

/**
 * A call in which each argument is written on its own: properties in the schema's order (in
 * alphabetical order for Gemma), text without quotes where the format has tags, else JSON.
 */
final class ToolArguments {
  private static final String QUOTE = "<|\"|>";

  private final CallSyntax syntax;
  private final String name;
  private final ObjectNode parameters;
  private final Map<String, Expression> rules;
  private final JsonSchema schemas;

  ToolArguments(
      CallSyntax syntax,
      String name,
      ObjectNode parameters,
      String prefix,
      Map<String, Expression> rules) {
    this.syntax = syntax;
    this.name = name;
    this.parameters = SchemaKeywords.checked(parameters, "#");
    this.rules = rules;
    this.schemas = new JsonSchema(parameters, prefix, rules);
    Set<String> known = Set.of("type", "properties", "required", "additionalProperties");
    this.parameters
        .fieldNames()
        .forEachRemaining(
            keyword -> {
              if (!known.contains(keyword)) {
                throw SchemaKeywords.unsupported("# of " + name, keyword, "one of " + known);
              }
            });
  }

  Expression call() {
    Expression arguments = arguments();
    schemas.finish();
    return switch (syntax) {
      case QWEN3_5 ->
          around("<tool_call>\n<function=" + name + ">", arguments, "\n</function>\n</tool_call>");
      case SEED_OSS ->
          Expression.sequence(
              Words.of("<seed:tool_call>"),
              Expression.text("\n<function=" + name),
              Expression.optional(Expression.text(">")),
              arguments,
              Words.of("\n</function>\n</seed:tool_call>"));
      case MINIMAX2 -> around("<invoke name=\"" + name + "\">", arguments, "\n</invoke>");
      case GLM4_MOE ->
          Expression.sequence(
              Words.of("<tool_call>"),
              Expression.text(name),
              arguments,
              Expression.optional(Words.of("\n</tool_call>")));
      case LFM2 ->
          Expression.sequence(Expression.text(name + "("), arguments, Expression.text(")"));
      default ->
          Expression.sequence(
              Words.of("<|tool_call>"),
              Expression.text("call:" + name + "{"),
              arguments,
              Words.of("}<tool_call|>"));
    };
  }

  private static Expression around(String open, Expression arguments, String close) {
    return Expression.sequence(Words.of(open), arguments, Words.of(close));
  }

  /** Each argument in its place, optional ones present or not. */
  private Expression arguments() {
    Set<String> required = new LinkedHashSet<>();
    parameters.path("required").forEach(key -> required.add(key.asText()));
    List<String> keys = new ArrayList<>();
    parameters.path("properties").fieldNames().forEachRemaining(keys::add);
    for (String key : required) {
      if (!keys.contains(key)) {
        throw SchemaKeywords.problem(
            "# of " + name, "required", "properties that are described", "\"" + key + "\"");
      }
    }
    if (syntax == CallSyntax.GEMMA4) {
      keys.sort(null);
    }
    String separator = syntax == CallSyntax.LFM2 ? ", " : syntax == CallSyntax.GEMMA4 ? "," : "";
    Expression rest = Expression.EMPTY; // after an argument
    Expression first = Expression.EMPTY; // after none
    for (int i = keys.size() - 1; i >= 0; i--) {
      String key = keys.get(i);
      Expression argument =
          schemas.rule("argument", argument(key, parameters.get("properties").get(key)));
      boolean must = required.contains(key);
      Expression here = Expression.sequence(argument, rest);
      Expression next = Expression.sequence(Expression.text(separator), argument, rest);
      first = schemas.rule("first", must ? here : Expression.choice(here, first));
      rest = schemas.rule("next", must ? next : Expression.choice(next, rest));
    }
    return first;
  }

  private Expression argument(String key, JsonNode schema) {
    String path = "#/properties/" + key + " of " + name;
    return switch (syntax) {
      case QWEN3_5 -> tagged("\n<parameter=" + key + ">\n", schema, "\n</parameter>", path);
      case SEED_OSS -> tagged("\n<parameter=" + key + ">", schema, "</parameter>", path);
      case MINIMAX2 -> tagged("\n<parameter name=\"" + key + "\">", schema, "</parameter>", path);
      case GLM4_MOE ->
          tagged("\n<arg_key>" + key + "</arg_key>\n<arg_value>", schema, "</arg_value>", path);
      case LFM2 -> Expression.sequence(Expression.text(key + "="), schemas.compile(schema, path));
      default -> Expression.sequence(Expression.text(key + ":"), gemma(schema, path));
    };
  }

  private Expression tagged(String open, JsonNode schema, String close, String path) {
    return Expression.sequence(
        Words.of(open),
        isText(schema)
            ? text((ObjectNode) schema, close, path)
            : Expression.sequence(schemas.compile(schema, path), Words.of(close)));
  }

  private static boolean isText(JsonNode schema) {
    return schema instanceof ObjectNode && schema.path("type").asText().equals("string");
  }

  /** Text as it is and the word that ends it. */
  private Expression text(ObjectNode schema, String close, String path) {
    ObjectNode checked = SchemaKeywords.checked(schema, path);
    List<JsonNode> values = SchemaEnum.list(checked, path);
    if (values != null) {
      List<Expression> options = new ArrayList<>();
      values.forEach(value -> options.add(Expression.text(value.asText())));
      return Expression.sequence(Expression.choice(options), Words.of(close));
    }
    if (checked.size() > 1) {
      CodePoints plain = CodePoints.ofText("<").not();
      return Expression.sequence(
          StringRules.bare(checked, new Expression.Chars(plain), path), Words.of(close));
    }
    // A line break before the closing word may come or not: a reader takes the first such word.
    return Words.until(close.strip(), "", rules);
  }

  private Expression gemma(JsonNode schema, String path) {
    if (isText(schema)) {
      return Expression.sequence(Words.of(QUOTE), text((ObjectNode) schema, QUOTE, path));
    }
    String type = schema.path("type").asText();
    if (Set.of("integer", "number", "boolean", "null").contains(type)) {
      return schemas.compile(schema, path);
    }
    throw SchemaKeywords.problem(
        path,
        "an argument that this model's calls can't be held to",
        "type string, integer, number or boolean",
        SchemaKeywords.excerpt(schema));
  }
}
