package llmengine.train.chat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import llmengine.data.Message;
import llmengine.data.Tokenizer;
import llmengine.data.template.ChatTemplate;
import llmengine.data.tokenizer.StopStrings;
import llmengine.data.tokenizer.StreamDetokenizer;
import llmengine.nn.Decoder;
import llmengine.nn.generate.ChatSession;
import llmengine.nn.generate.Generation;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TokenListener;
import llmengine.train.config.GeneratingArguments;
import llmengine.train.model.ModelSession;

/**
 * A model that answers messages: the template's prompt in, text out as it is generated. One
 * conversation at a time.
 */
public final class ChatModel implements AutoCloseable {
  /** An answer and how it came about. */
  public record Reply(String text, int promptTokens, Generation generation) {}

  private final Tokenizer tokenizer;
  private final ChatTemplate template;
  private final ChatSession session;

  public ChatModel(ModelSession files, Decoder model) {
    this.tokenizer = files.tokenizer();
    this.template = files.template();
    this.session = new ChatSession(model);
  }

  /** The configured way to choose tokens; the template's stop ids end an answer. */
  public SamplingOptions options(GeneratingArguments g, long seed) {
    return Sampling.options(g, stopIds(), seed);
  }

  /** Ids that end an answer. */
  public Set<Integer> stopIds() {
    Set<Integer> ids = new HashSet<>();
    for (int id : template.stopTokenIds(tokenizer)) {
      ids.add(id);
    }
    return ids;
  }

  /** Tokens of the prompt for a conversation that ends with a user's (or tool's) message. */
  public int promptTokens(List<Message> messages, String system) {
    return template.generationPrompt(tokenizer, messages, system, null).length;
  }

  /** As {@link #reply(List, String, SamplingOptions, boolean, List, Consumer, BooleanSupplier)}. */
  public Reply reply(
      List<Message> messages,
      String system,
      SamplingOptions options,
      boolean skipSpecial,
      Consumer<String> onText,
      BooleanSupplier cancelled) {
    return reply(messages, system, options, skipSpecial, List.of(), onText, cancelled);
  }

  /**
   * The answer to a conversation that ends with a user's (or tool's) message.
   *
   * @param system null for the template's default
   * @param stop texts that end an answer and are not part of it
   * @param onText told of each piece of text; pieces never split a character
   */
  public Reply reply(
      List<Message> messages,
      String system,
      SamplingOptions options,
      boolean skipSpecial,
      List<String> stop,
      Consumer<String> onText,
      BooleanSupplier cancelled) {
    int[] prompt = template.generationPrompt(tokenizer, messages, system, null);
    StreamDetokenizer text = new StreamDetokenizer(tokenizer, skipSpecial);
    StopStrings stops = new StopStrings(stop);
    StringBuilder whole = new StringBuilder();
    Consumer<String> take =
        piece -> {
          if (!piece.isEmpty()) {
            whole.append(piece);
            onText.accept(piece);
          }
        };
    TokenListener listener =
        (sequence, id, last) -> {
          if (!options.stopIds().contains(id)) {
            take.accept(stops.add(text.add(id)));
          }
          return stops.matched().isEmpty();
        };
    Generation generation = session.generate(prompt, options, listener, cancelled);
    take.accept(stops.add(text.finish()));
    take.accept(stops.finish());
    return new Reply(whole.toString(), prompt.length, generation);
  }

  @Override
  public void close() {
    session.close();
  }
}
