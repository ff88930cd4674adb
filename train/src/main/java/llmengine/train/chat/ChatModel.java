package llmengine.train.chat;

import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import llmengine.data.Message;
import llmengine.data.Tokenizer;
import llmengine.data.template.Chat;
import llmengine.data.template.ChatFormat;
import llmengine.data.template.ChatMessage;
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
 * A model that answers messages: the format's prompt in, text out as it is generated. One
 * conversation at a time.
 */
public final class ChatModel implements AutoCloseable {
  /** An answer and how it came about. */
  public record Reply(String text, int promptTokens, Generation generation) {}

  private final Tokenizer tokenizer;
  private final ChatFormat format;
  private final ChatSession session;

  public ChatModel(ModelSession files, Decoder model) {
    this.tokenizer = files.tokenizer();
    this.format = files.chatFormat();
    this.session = new ChatSession(model);
  }

  /** The configured way to choose tokens; the format's stop ids end an answer. */
  public SamplingOptions options(GeneratingArguments g, long seed) {
    return Sampling.options(g, stopIds(), seed);
  }

  /** Ids that end an answer. */
  public Set<Integer> stopIds() {
    return format.stopIds();
  }

  /** Tokens of the prompt for a conversation that ends with a user's message. */
  public int promptTokens(List<Message> messages, String system) {
    return format.prompt(chat(messages, system)).length;
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
   * The answer to a conversation that ends with a user's message, without tools.
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
    return reply(chat(messages, system), options, skipSpecial, stop, onText, cancelled);
  }

  /**
   * The answer to a chat.
   *
   * @param stop texts that end an answer and are not part of it
   * @param onText told of each piece of text; pieces never split a character
   */
  public Reply reply(
      Chat chat,
      SamplingOptions options,
      boolean skipSpecial,
      List<String> stop,
      Consumer<String> onText,
      BooleanSupplier cancelled) {
    int[] prompt = format.prompt(chat);
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

  private static Chat chat(List<Message> messages, String system) {
    return Chat.of(
        system, messages.stream().map(m -> ChatMessage.of(m.role().word(), m.content())).toList());
  }

  @Override
  public void close() {
    session.close();
  }
}
