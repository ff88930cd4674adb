package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import llmengine.nn.generate.TokenConstraint;
import llmengine.serve.grammar.GrammarException;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Fields;

/**
 * The fields about the form of an answer: OpenAI's response_format, llama.cpp's grammar, vLLM's
 * guided_json, guided_regex, guided_choice, guided_grammar and structured_outputs.
 */
final class ConstraintFields {
  /** A constraint that was asked for, not made yet. */
  private record Wanted(String field, Supplier<TokenConstraint> made) {}

  private final Grammars grammars;
  private final List<Wanted> wanted = new ArrayList<>();

  private ConstraintFields(Grammars grammars) {
    this.grammars = grammars;
  }

  /**
   * The constraint, if one is asked for.
   *
   * @throws ApiException 400 if several are, or one cannot be used
   */
  static Optional<TokenConstraint> read(Fields f, Grammars grammars) {
    return read(f, grammars, Optional.empty());
  }

  /**
   * The constraint, if one is asked for.
   *
   * @param calls what tool_choice asks for
   */
  static Optional<TokenConstraint> read(
      Fields f, Grammars grammars, Optional<Supplier<TokenConstraint>> calls) {
    ConstraintFields c = new ConstraintFields(grammars);
    calls.ifPresent(made -> c.want("tool_choice", made));
    f.object("response_format").ifPresent(c::responseFormat);
    c.guided(f, "guided_json", "guided_regex", "guided_choice", "guided_grammar");
    c.grammar(f, "grammar");
    f.object("structured_outputs")
        .ifPresent(
            s -> {
              c.guided(s, "json", "regex", "choice", "grammar");
              if (s.flag("json_object").orElse(false)) {
                c.want(s.name("json_object"), grammars::jsonObject);
              }
              s.end();
            });
    if (c.wanted.isEmpty()) {
      return Optional.empty();
    }
    Wanted one = c.wanted.getFirst();
    if (c.wanted.size() > 1) {
      throw ApiException.badRequest(
          c.wanted.get(1).field,
          "invalid_value",
          c.wanted.get(1).field
              + ": a second form: expected one of tool_choice, response_format, grammar and the"
              + " guided fields,"
              + " got also "
              + one.field
              + ".");
    }
    try {
      return Optional.of(one.made.get());
    } catch (GrammarException e) {
      throw ApiException.badRequest(one.field, "invalid_value", one.field + ": " + e.getMessage());
    }
  }

  private void responseFormat(Fields f) {
    String type =
        f.word("type", "text", "json_object", "json_schema")
            .orElseThrow(() -> f.missing("type", "text, json_object or json_schema"));
    switch (type) {
      case "json_object" -> want("response_format", grammars::jsonObject);
      case "json_schema" -> {
        Fields named =
            f.object("json_schema").orElseThrow(() -> f.missing("json_schema", "an object"));
        named.text("name");
        named.text("description");
        named.flag("strict");
        JsonNode schema =
            named.value("schema").orElseThrow(() -> named.missing("schema", "a JSON schema"));
        named.end();
        want(named.name("schema"), () -> grammars.jsonSchema(schema));
      }
      default -> {}
    }
    f.end();
  }

  private void guided(Fields f, String json, String regex, String choice, String grammar) {
    f.value(json).ifPresent(schema -> want(f.name(json), () -> grammars.jsonSchema(schema)));
    f.text(regex).ifPresent(text -> want(f.name(regex), () -> grammars.regex(text)));
    List<String> choices = f.texts(choice);
    if (!choices.isEmpty()) {
      want(f.name(choice), () -> grammars.choice(choices));
    }
    grammar(f, grammar);
  }

  private void grammar(Fields f, String name) {
    f.text(name).ifPresent(text -> want(f.name(name), () -> grammars.gbnf(text)));
  }

  private void want(String field, Supplier<TokenConstraint> made) {
    wanted.add(new Wanted(field, made));
  }
}
