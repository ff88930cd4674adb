package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** An array: items of {@code prefixItems} in their order, then any number of {@code items}. */
final class ArrayRules {
  private final JsonSchema schemas;
  private final ObjectNode schema;
  private final String path;

  ArrayRules(JsonSchema schemas, ObjectNode schema, String path) {
    this.schemas = schemas;
    this.schema = schema;
    this.path = path;
    if (schema.path("uniqueItems").asBoolean(false)) {
      throw SchemaKeywords.unsupported(path, "uniqueItems", "no demand that a grammar can't make");
    }
    if (schema.path("items").isArray()) {
      throw SchemaKeywords.problem(
          path, "items", "one schema; prefixItems for a list of them", "a list");
    }
  }

  Expression expression() {
    JsonNode prefix =
        schema.has("prefixItems")
            ? SchemaKeywords.list(schema.get("prefixItems"), path, "prefixItems")
            : schema.arrayNode();
    int min = SchemaKeywords.count(schema, "minItems", path, 0);
    int max = SchemaKeywords.count(schema, "maxItems", path, Integer.MAX_VALUE);
    if (min > max) {
      throw SchemaKeywords.problem(
          path, "minItems, maxItems", "a least number below the most", min + " to " + max);
    }
    JsonNode items = schema.path("items");
    if (items.isMissingNode()) {
      items = BooleanNode.valueOf(prefix.isEmpty() || min > prefix.size());
    }
    boolean closed = items.isBoolean() && !items.booleanValue();
    int named = Math.min(prefix.size(), max);
    int most = closed ? 0 : max == Integer.MAX_VALUE ? -1 : max - named;
    int least = Math.max(0, min - named);
    if (closed && least > 0) {
      return Expression.choice(List.of());
    }
    Expression rest = Expression.EMPTY; // after the items of the prefix
    Expression all = Expression.EMPTY; // if the prefix is empty
    if (most != 0) {
      Expression item = schemas.rule("item", schemas.compile(items, path + "/items"));
      Expression more = Expression.sequence(JsonText.comma(), item);
      rest = Expression.repeat(more, least, most);
      int further = most < 0 ? -1 : most - 1;
      all = Expression.sequence(item, Expression.repeat(more, Math.max(0, least - 1), further));
    }
    for (int i = named - 1; i >= 0; i--) {
      Expression item = schemas.compile(prefix.get(i), path + "/prefixItems/" + i);
      Expression list = schemas.rule("list", Expression.sequence(item, rest));
      all = list;
      rest = Expression.sequence(JsonText.comma(), list);
      if (i >= min) {
        rest = Expression.optional(rest);
      }
    }
    Expression whole = Expression.sequence(all, JsonText.WS);
    boolean empty = named == 0 && most == 0;
    Expression content = empty ? Expression.EMPTY : min > 0 ? whole : Expression.optional(whole);
    return schemas.rule(
        "array",
        Expression.sequence(Expression.text("["), JsonText.WS, content, Expression.text("]")));
  }
}
