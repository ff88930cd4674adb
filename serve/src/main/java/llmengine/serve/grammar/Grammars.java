package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import llmengine.data.Tokenizer;

/**
 * Constraints on the tokens of one served model. Make one for a model and keep it: it knows the
 * vocabulary's bytes and remembers the grammars used last with what was computed for them, within
 * bounds. Safe for concurrent use; what is remembered is shared by all requests.
 *
 * <pre>{@code
 * Grammars grammars = new Grammars(tokenizer, Set.of(eos));
 * TokenConstraint constraint = grammars.jsonSchema(schema);   // a GenerationRequest's constraint
 * }</pre>
 *
 * <p>Each method throws {@link GrammarException} for what cannot be used: the caller's mistake,
 * with a message that says where and what.
 */
public final class Grammars {
  private static final int MOST_GRAMMARS = 64;
  private static final long MOST_BYTES = 256L << 20;

  private record Key(String kind, Object source) {}

  private final Supplier<Vocabulary> vocabulary;
  private final LinkedHashMap<Object, TokenMasks> known = new LinkedHashMap<>(16, 0.75f, true);
  private Vocabulary made;

  /** {@code stopIds} end an answer (at least one). The vocabulary is read when first needed. */
  public Grammars(Tokenizer tokenizer, Set<Integer> stopIds) {
    this.vocabulary = () -> Vocabulary.of(tokenizer, stopIds);
  }

  /** Any JSON object ({@code response_format} json_object). */
  public GrammarConstraint jsonObject() {
    return constraint(new Key("json_object", ""), Grammar::jsonObject);
  }

  /** What a JSON schema allows ({@code response_format} json_schema, {@code guided_json}). */
  public GrammarConstraint jsonSchema(JsonNode schema) {
    // The text tells the order of properties, which equality of nodes does not.
    return constraint(new Key("json_schema", schema.toString()), () -> Grammar.jsonSchema(schema));
  }

  /** An answer that the expression matches as a whole ({@code guided_regex}). */
  public GrammarConstraint regex(String expression) {
    return constraint(new Key("regex", expression), () -> Grammar.regex(expression));
  }

  /** A grammar in llama.cpp's GBNF ({@code grammar}, {@code guided_grammar}). */
  public GrammarConstraint gbnf(String text) {
    return constraint(new Key("grammar", text), () -> Grammar.gbnf(text));
  }

  /** One of these texts ({@code guided_choice}). */
  public GrammarConstraint choice(List<String> texts) {
    List<String> copy = List.copyOf(texts);
    return constraint(new Key("choice", copy), () -> Grammar.choice(copy));
  }

  /**
   * A grammar made by the caller; {@code key} (with equality) stands for it among those that are
   * remembered.
   */
  public GrammarConstraint of(Object key, Supplier<Grammar> grammar) {
    return constraint(new Key("own", key), grammar);
  }

  private GrammarConstraint constraint(Key key, Supplier<Grammar> grammar) {
    TokenMasks masks;
    synchronized (known) {
      masks = known.get(key);
    }
    if (masks == null) {
      masks = new TokenMasks(grammar.get().program(), vocabulary());
      synchronized (known) {
        TokenMasks other = known.putIfAbsent(key, masks);
        masks = other == null ? masks : other;
        drop(masks);
      }
    }
    return new GrammarConstraint(masks);
  }

  private synchronized Vocabulary vocabulary() {
    if (made == null) {
      made = vocabulary.get();
    }
    return made;
  }

  /** Forgets grammars not used for long until the rest is within the bounds. */
  private void drop(TokenMasks used) {
    long bytes = known.values().stream().mapToLong(TokenMasks::bytes).sum();
    var eldest = known.entrySet().iterator();
    while (eldest.hasNext() && (known.size() > MOST_GRAMMARS || bytes > MOST_BYTES)) {
      Map.Entry<Object, TokenMasks> entry = eldest.next();
      if (entry.getValue() != used) {
        bytes -= entry.getValue().bytes();
        eldest.remove();
      }
    }
  }
}
