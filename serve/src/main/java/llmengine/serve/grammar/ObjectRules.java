package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * An object: the properties the schema names, in its order, then others if it allows them. A rule
 * for each property says what may follow, so that the rules are as many as the properties however
 * many of them are optional.
 */
final class ObjectRules {
  private final JsonSchema schemas;
  private final ObjectNode schema;
  private final String path;
  private final Map<String, Expression> members = new LinkedHashMap<>();
  private final Set<String> required = new LinkedHashSet<>();
  private final Expression other; // a member of another name; null: none
  private int least; // members of other names
  private int most;

  ObjectRules(JsonSchema schemas, ObjectNode schema, String path) {
    this.schemas = schemas;
    this.schema = schema;
    this.path = path;
    ObjectNode properties =
        SchemaKeywords.object(
            schema.has("properties") ? schema.get("properties") : schema.objectNode(),
            path,
            "properties");
    for (JsonNode name : schema.has("required") ? requiredList() : List.<JsonNode>of()) {
      required.add(name.textValue());
    }
    JsonNode additional = schema.path("additionalProperties");
    if (additional.isMissingNode()) {
      boolean open = properties.isEmpty();
      additional = BooleanNode.valueOf(open);
    }
    String at = path + "/properties/";
    for (Map.Entry<String, JsonNode> property : properties.properties()) {
      String name = property.getKey();
      members.put(name, member(name, property.getValue(), at + name));
    }
    for (String name : required) {
      if (!members.containsKey(name)) {
        JsonNode value = schema.has("additionalProperties") ? additional : BooleanNode.TRUE;
        members.put(name, member(name, value, path + "/required/" + name));
      }
    }
    boolean closed = additional.isBoolean() && !additional.booleanValue();
    other = closed ? null : otherMember(additional);
    counts();
  }

  private JsonNode requiredList() {
    JsonNode list = SchemaKeywords.list(schema.get("required"), path, "required");
    for (JsonNode name : list) {
      if (!name.isTextual()) {
        throw SchemaKeywords.problem(path, "required", "names", name.toString());
      }
    }
    return list;
  }

  private Expression member(String name, JsonNode value, String at) {
    return JsonText.member(JsonText.literal(name), schemas.compile(value, at));
  }

  private Expression otherMember(JsonNode additional) {
    Expression value = schemas.compile(additional, path + "/additionalProperties");
    Expression key = members.isEmpty() ? JsonText.STRING : keyOtherThan(members.keySet());
    return schemas.rule("member", JsonText.member(key, value));
  }

  private void counts() {
    int min = SchemaKeywords.count(schema, "minProperties", path, 0);
    int max = SchemaKeywords.count(schema, "maxProperties", path, Integer.MAX_VALUE);
    int all = members.size();
    least = 0;
    most = -1;
    if (min <= required.size() && (max == Integer.MAX_VALUE || other == null && max >= all)) {
      return;
    }
    if (required.size() < all) {
      throw SchemaKeywords.unsupported(
          path,
          min > required.size() ? "minProperties" : "maxProperties",
          "a count of properties only where none is optional");
    }
    if (max < all || min > max || min > all && other == null) {
      throw SchemaKeywords.problem(
          path,
          "minProperties, maxProperties",
          "counts that leave room for " + all + " required properties",
          min + " to " + max);
    }
    least = Math.max(0, min - all);
    most = max == Integer.MAX_VALUE ? -1 : max - all;
  }

  Expression expression() {
    List<String> names = List.copyOf(members.keySet());
    Expression rest = JsonText.WS; // after a member
    Expression first = Expression.EMPTY; // after none
    if (other != null) {
      Expression more = Expression.sequence(JsonText.comma(), other);
      rest = Expression.sequence(Expression.repeat(more, least, most), JsonText.WS);
      int others = most < 0 ? -1 : most - 1;
      Expression some =
          Expression.sequence(
              other, Expression.repeat(more, Math.max(0, least - 1), others), JsonText.WS);
      first = most == 0 ? Expression.EMPTY : least > 0 ? some : Expression.optional(some);
    }
    rest = schemas.rule("end", rest);
    boolean reachable = names.stream().noneMatch(required::contains);
    for (int i = names.size() - 1; i >= 0; i--) {
      Expression member = Expression.sequence(members.get(names.get(i)), rest);
      boolean must = required.contains(names.get(i));
      if (must) {
        reachable = names.subList(0, i).stream().noneMatch(required::contains);
      }
      if (reachable) {
        first = schemas.rule("first", must ? member : Expression.choice(member, first));
      }
      Expression next = Expression.sequence(JsonText.comma(), member);
      rest = schemas.rule("next", must ? next : Expression.choice(next, rest));
    }
    return schemas.rule(
        "object",
        Expression.sequence(Expression.text("{"), JsonText.WS, first, Expression.text("}")));
  }

  /** A string that is none of these, without escapes, so that no spelling gets around it. */
  private Expression keyOtherThan(Set<String> names) {
    Trie root = new Trie();
    for (String name : names) {
      Trie node = root;
      for (int c : name.codePoints().toArray()) {
        node = node.next.computeIfAbsent(c, k -> new Trie());
      }
      node.ends = true;
    }
    Expression plain = new Expression.Chars(JsonText.PLAIN);
    Expression tail =
        schemas.rule("key", Expression.sequence(Expression.any(plain), JsonText.QUOTE));
    return Expression.sequence(JsonText.QUOTE, other(root, tail));
  }

  private static final class Trie {
    private final Map<Integer, Trie> next = new TreeMap<>();
    private boolean ends;
    private Expression rule;
  }

  /** The rest of a key that has come to this node. */
  private Expression other(Trie root, Expression tail) {
    List<Trie> nodes = new ArrayList<>(List.of(root));
    for (int i = 0; i < nodes.size(); i++) {
      nodes.addAll(nodes.get(i).next.values());
    }
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Trie node = nodes.get(i);
      List<Expression> options = new ArrayList<>();
      CodePoints leaving = JsonText.PLAIN;
      for (Map.Entry<Integer, Trie> step : node.next.entrySet()) {
        CodePoints one = CodePoints.of(step.getKey(), step.getKey());
        leaving = leaving.minus(one);
        options.add(
            Expression.sequence(
                new Expression.Chars(one.and(JsonText.PLAIN)), step.getValue().rule));
      }
      options.add(Expression.sequence(new Expression.Chars(leaving), tail));
      if (!node.ends) {
        options.add(JsonText.QUOTE);
      }
      node.rule = schemas.rule("key", Expression.choice(options));
    }
    return root.rule;
  }
}
