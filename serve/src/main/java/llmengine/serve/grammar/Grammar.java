package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.template.tool.WordPair;
import llmengine.serve.chat.CallSyntax;

/**
 * What an answer may be: a context-free grammar, from any of its notations. Immutable and safe for
 * concurrent use. {@link Grammars} turns it into a constraint on a model's tokens.
 */
public final class Grammar {
  private static final String ROOT = "root";

  private final String where;
  private final Map<String, Expression> rules;
  private final String start;
  private final Program program;

  /** The rule {@code root} is what must match. */
  Grammar(String where, Map<String, Expression> rules) {
    this(where, rules, ROOT);
  }

  private Grammar(String where, Map<String, Expression> rules, String start) {
    this.where = where;
    this.rules = new LinkedHashMap<>(rules);
    this.start = start;
    this.program = ProgramCompiler.compile(new RuleSet(where, rules), start);
  }

  /**
   * A grammar in llama.cpp's GBNF, whose rule {@code root} must match the whole answer.
   *
   * @throws GrammarException naming line and column if it cannot be read
   */
  public static Grammar gbnf(String text) {
    return new Grammar("grammar", new Gbnf(text).rules());
  }

  /**
   * A regular expression that must match the whole answer, in the syntax that Java, Python and
   * JavaScript share; look-around, back references, word boundaries and possessive repetition are
   * errors.
   *
   * @throws GrammarException naming the position if it cannot be read
   */
  public static Grammar regex(String expression) {
    return new Grammar("regex", Map.of(ROOT, Regex.parse(expression).expression()));
  }

  /** Any JSON object. */
  public static Grammar jsonObject() {
    Map<String, Expression> rules = new LinkedHashMap<>();
    rules.put(ROOT, Expression.sequence(JsonText.WS, JsonText.OBJECT));
    JsonText.addRules(rules);
    return new Grammar("json_object", rules);
  }

  /**
   * JSON that a schema (draft 2020-12) describes. Properties come in the schema's order.
   *
   * @throws GrammarException naming keyword and path for what is not supported
   */
  public static Grammar jsonSchema(JsonNode schema) {
    return new Grammar("json_schema", JsonSchema.rules(schema));
  }

  /** One of these texts. */
  public static Grammar choice(List<String> texts) {
    if (texts.isEmpty()) {
      throw new GrammarException("choice: no text: expected at least one, got none. Add one.");
    }
    List<Expression> options = texts.stream().map(Expression::text).toList();
    return new Grammar("choice", Map.of(ROOT, Expression.choice(options)));
  }

  /**
   * Calls of tools and nothing else, as a model writes them ({@code tool_choice} required, or a
   * function if it is the list's only one).
   *
   * @param tools a list as the chat API has it
   * @param parallel whether there may be more than one call
   * @throws GrammarException naming what of a tool's schema is not supported, or if the syntax is
   *     {@link CallSyntax#NONE}
   */
  public static Grammar toolCalls(CallSyntax syntax, JsonNode tools, boolean parallel) {
    return ToolGrammar.of(syntax, tools, parallel);
  }

  /**
   * This grammar for the answer after a thought.
   *
   * @param words around the thought, in which any text may stand
   * @param opened whether the prompt has opened it; otherwise an answer may do without
   */
  public Grammar afterThought(WordPair words, boolean opened) {
    Map<String, Expression> all = new LinkedHashMap<>(rules);
    Expression answer = Expression.rule(start);
    Expression thought =
        Expression.sequence(
            Words.until(words.close().strip(), "thought ", all),
            Expression.repeat(Expression.text("\n"), 0, 2),
            answer);
    // A blank keeps the names apart from those a grammar's text can have.
    all.put(
        "thought root",
        opened
            ? thought
            : Expression.choice(
                answer, Expression.sequence(Words.of(words.open().strip()), thought)));
    return new Grammar(where, all, "thought root");
  }

  /** Whether the whole of {@code text} matches; special tokens cannot. */
  public boolean matches(String text) {
    return run(text).complete;
  }

  /** Whether some text that begins so matches. */
  public boolean matchesPrefix(String text) {
    return !run(text).isDead();
  }

  private State run(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    Recogniser recogniser = new Recogniser(program, bytes.length);
    return recogniser.next(recogniser.start(), bytes);
  }

  Program program() {
    return program;
  }
}
