package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import llmengine.data.Tokenizer;
import llmengine.data.template.tool.WordPair;
import llmengine.serve.chat.CallSyntax;

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

  private record Key(String kind, Object source, Thought thought) {}

  private record Thought(WordPair words, boolean opened) {}

  private final Memory memory;
  private final Thought thought; // null: none

  private Grammars(Memory memory, Thought thought) {
    this.memory = memory;
    this.thought = thought;
  }

  /** {@code stopIds} end an answer (at least one). The vocabulary is read when first needed. */
  public Grammars(Tokenizer tokenizer, Set<Integer> stopIds) {
    this(new Memory(() -> Vocabulary.of(tokenizer, stopIds)), null);
  }

  /**
   * The same for answers of a model that thinks first: constraints hold after the thought.
   *
   * @param words around the thought; empty for a model that does not think
   * @param opened whether the prompt has opened the thought; otherwise an answer may do without
   */
  public Grammars afterThought(Optional<WordPair> words, boolean opened) {
    return words.isEmpty() ? this : new Grammars(memory, new Thought(words.get(), opened));
  }

  /** Any JSON object ({@code response_format} json_object). */
  public GrammarConstraint jsonObject() {
    return constraint("json_object", "", Grammar::jsonObject);
  }

  /** What a JSON schema allows ({@code response_format} json_schema, {@code guided_json}). */
  public GrammarConstraint jsonSchema(JsonNode schema) {
    // The text tells the order of properties, which equality of nodes does not.
    return constraint("json_schema", schema.toString(), () -> Grammar.jsonSchema(schema));
  }

  /** An answer that the expression matches as a whole ({@code guided_regex}). */
  public GrammarConstraint regex(String expression) {
    return constraint("regex", expression, () -> Grammar.regex(expression));
  }

  /** A grammar in llama.cpp's GBNF ({@code grammar}, {@code guided_grammar}). */
  public GrammarConstraint gbnf(String text) {
    return constraint("grammar", text, () -> Grammar.gbnf(text));
  }

  /** One of these texts ({@code guided_choice}). */
  public GrammarConstraint choice(List<String> texts) {
    List<String> copy = List.copyOf(texts);
    return constraint("choice", copy, () -> Grammar.choice(copy));
  }

  /**
   * Calls of the tools and nothing else, in the way the model writes them ({@code tool_choice}
   * required; for a named function the list holds only that one).
   *
   * @param tools a list as the chat API has it
   * @param parallel whether there may be more than one call
   */
  public GrammarConstraint toolCalls(CallSyntax syntax, JsonNode tools, boolean parallel) {
    return constraint(
        "tools",
        List.of(syntax, tools.toString(), parallel),
        () -> Grammar.toolCalls(syntax, tools, parallel));
  }

  /**
   * A grammar made by the caller; {@code key} (with equality) stands for it among those that are
   * remembered.
   */
  public GrammarConstraint of(Object key, Supplier<Grammar> grammar) {
    return constraint("own", key, grammar);
  }

  private GrammarConstraint constraint(String kind, Object source, Supplier<Grammar> grammar) {
    Supplier<Grammar> whole =
        thought == null ? grammar : () -> grammar.get().afterThought(thought.words, thought.opened);
    return new GrammarConstraint(memory.masks(new Key(kind, source, thought), whole));
  }

  /** The vocabulary and the grammars used last. */
  private static final class Memory {
    private final Supplier<Vocabulary> vocabulary;
    private final LinkedHashMap<Key, TokenMasks> known = new LinkedHashMap<>(16, 0.75f, true);
    private Vocabulary made;

    Memory(Supplier<Vocabulary> vocabulary) {
      this.vocabulary = vocabulary;
    }

    TokenMasks masks(Key key, Supplier<Grammar> grammar) {
      synchronized (known) {
        TokenMasks masks = known.get(key);
        if (masks != null) {
          return masks;
        }
      }
      TokenMasks masks = new TokenMasks(grammar.get().program(), vocabulary());
      synchronized (known) {
        TokenMasks other = known.putIfAbsent(key, masks);
        TokenMasks used = other == null ? masks : other;
        drop(used);
        return used;
      }
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
        TokenMasks masks = eldest.next().getValue();
        if (masks != used) {
          bytes -= masks.bytes();
          eldest.remove();
        }
      }
    }
  }
}
