package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.serve.chat.CallSyntax;

/** Answers that are tool calls and nothing else ({@code tool_choice} required or a function). */
final class ToolGrammar {
  private final CallSyntax syntax;
  private final JsonNode tools;
  private final boolean parallel;
  private final Map<String, Expression> rules = new LinkedHashMap<>();

  ToolGrammar(CallSyntax syntax, JsonNode tools, boolean parallel) {
    this.syntax = syntax;
    this.tools = tools;
    this.parallel = parallel;
    JsonText.addRules(rules);
  }

  /** Calls of any of the tools, a list as the chat API has it; one alone unless parallel. */
  static Grammar of(CallSyntax syntax, JsonNode tools, boolean parallel) {
    var grammar = new ToolGrammar(syntax, tools, parallel);
    grammar.rules.put("root", grammar.calls());
    return new Grammar("tools", grammar.rules);
  }

  private Expression calls() {
    List<Expression> options = new ArrayList<>();
    for (int i = 0; i < tools.size(); i++) {
      JsonNode tool = tools.get(i);
      JsonNode function = tool.has("function") ? tool.get("function") : tool;
      options.add(call(function, "tool" + i + "-"));
    }
    if (options.isEmpty()) {
      throw GrammarException.of(
          "tools", "tool_choice", "at least one tool to call", "none", "Name the tools.");
    }
    rules.put("call", Expression.choice(options));
    Expression call = Expression.rule("call");
    return switch (syntax) {
      case QWEN, ACTION, QWEN3_5 -> several(call, Expression.text("\n"));
      case GLM4_MOE, SEED_OSS -> several(call, Expression.repeat(Expression.text("\n"), 1, 2));
      case GEMMA4 -> several(call, Expression.EMPTY);
      case GLM4 -> call;
      case LLAMA3 -> parallel ? Expression.choice(call, list(call)) : call;
      case MISTRAL ->
          Expression.sequence(
              Words.of("[TOOL_CALLS]"), Expression.optional(Expression.text(" ")), list(call));
      case MINIMAX1 ->
          Expression.sequence(
              Words.of("<tool_calls>\n"),
              several(call, Expression.text("\n")),
              Words.of("\n</tool_calls>"));
      case MINIMAX2 -> {
        Expression calls = several(call, Expression.text("\n"));
        yield Expression.choice(
            calls,
            Expression.sequence(
                Words.of("<minimax:tool_call>\n"), calls, Words.of("\n</minimax:tool_call>")));
      }
      case LFM2 ->
          Expression.sequence(
              Words.of("<|tool_call_start|>["),
              several(call, Expression.text(", ")),
              Words.of("]<|tool_call_end|>"));
      case NONE ->
          throw GrammarException.of(
              "tools",
              "tool_choice",
              "a model whose calls have a known form",
              "one without",
              "Use auto, or choose a template.");
    };
  }

  private Expression several(Expression call, Expression separator) {
    return parallel ? Expression.separated(call, separator) : call;
  }

  private Expression list(Expression call) {
    return Expression.sequence(
        Expression.text("["),
        several(call, Expression.sequence(Expression.text(","), JsonText.WS)),
        Expression.text("]"));
  }

  private Expression call(JsonNode function, String prefix) {
    String name = function.path("name").asText();
    ObjectNode parameters = parameters(function);
    return switch (syntax) {
      case QWEN ->
          Expression.sequence(
              Words.of("<tool_call>\n"),
              json(name, "arguments", parameters, prefix),
              Words.of("\n</tool_call>"));
      case MISTRAL, MINIMAX1 -> json(name, "arguments", parameters, prefix);
      case LLAMA3 -> json(name, "parameters", parameters, prefix);
      case GLM4 -> Expression.sequence(Expression.text(name + "\n"), schema(parameters, prefix));
      case ACTION ->
          Expression.sequence(
              Expression.text("Action: " + name + "\nAction Input: "), schema(parameters, prefix));
      case QWEN3_5, GLM4_MOE, SEED_OSS, MINIMAX2, LFM2, GEMMA4 ->
          new ToolArguments(syntax, name, parameters, prefix, rules).call();
      case NONE -> Expression.EMPTY;
    };
  }

  /** A function without parameters takes none. */
  private static ObjectNode parameters(JsonNode function) {
    JsonNode given = function.path("parameters");
    ObjectNode schema =
        given instanceof ObjectNode object
            ? object.deepCopy()
            : JsonNodeFactory.instance.objectNode();
    if (!schema.has("$ref") && !schema.has("anyOf") && !schema.has("allOf")) {
      schema.put("type", "object");
      if (schema.path("properties").isEmpty() && !schema.has("additionalProperties")) {
        schema.put("additionalProperties", false);
      }
    }
    return schema;
  }

  private Expression json(String name, String key, ObjectNode parameters, String prefix) {
    return Expression.sequence(
        Expression.text("{"),
        JsonText.member(JsonText.literal("name"), JsonText.literal(name)),
        JsonText.comma(),
        JsonText.member(JsonText.literal(key), schema(parameters, prefix)),
        Expression.text("}"));
  }

  private Expression schema(ObjectNode parameters, String prefix) {
    return JsonSchema.add(parameters, prefix, rules);
  }
}
