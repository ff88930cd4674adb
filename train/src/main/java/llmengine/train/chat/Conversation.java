package llmengine.train.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.nn.generate.FinishReason;
import llmengine.train.config.GeneratingArguments;

/**
 * A talk with a model: remembers what was said, and forgets the oldest exchanges when the context
 * has no room for an answer. Not safe for concurrent use.
 */
public final class Conversation {
  /**
   * What came of a message.
   *
   * @param forgotten oldest exchanges that were dropped to make room
   * @param tokens generated
   * @param seconds from the message to the last token
   */
  public record Answer(
      String text, int forgotten, int tokens, double seconds, FinishReason finish) {}

  /** Share of the context that is kept free for an answer, if max_new_tokens asks for more. */
  private static final int ROOM = 4;

  private final ChatModel model;
  private final GeneratingArguments settings;
  private final int context;
  private final long seed;
  private final List<Message> messages = new ArrayList<>();
  private String system;
  private long answers;

  /**
   * @param context tokens that the model holds
   * @param seed of the first answer's draws; each answer has its own
   */
  public Conversation(ChatModel model, GeneratingArguments settings, int context, long seed) {
    this.model = model;
    this.settings = settings;
    this.context = context;
    this.seed = seed;
  }

  /** Replaces the system prompt from the next message on; null for the template's own. */
  public void system(String text) {
    system = text;
  }

  /** Forgets what was said, but not the system prompt. */
  public void clear() {
    messages.clear();
  }

  /** Exchanges remembered. */
  public int exchanges() {
    return messages.size() / 2;
  }

  /** Takes back the last exchange; its question, if there was one. */
  public Optional<String> takeBack() {
    if (messages.isEmpty()) {
      return Optional.empty();
    }
    messages.removeLast();
    return Optional.of(messages.removeLast().content());
  }

  /**
   * Says something to the model and waits for its answer. What was written before a cancellation is
   * remembered as the answer; if the model fails, the message is forgotten.
   *
   * @throws llmengine.nn.generate.PromptTooLongException if the message alone is longer than the
   *     context
   */
  public Answer say(String text, Consumer<String> onText, BooleanSupplier cancelled) {
    long start = System.nanoTime();
    messages.add(new Message(Role.USER, text));
    int forgotten = makeRoom();
    ChatModel.Reply reply = null;
    try {
      reply =
          model.reply(
              messages,
              system,
              model.options(settings, seed + answers++),
              settings.skipSpecialTokens(),
              settings.stop(),
              onText,
              cancelled);
    } finally {
      if (reply == null || reply.text().isEmpty()) {
        messages.removeLast();
      } else {
        messages.add(new Message(Role.ASSISTANT, reply.text()));
      }
    }
    return new Answer(
        reply.text(),
        forgotten,
        reply.generation().ids().length,
        (System.nanoTime() - start) / 1e9,
        reply.generation().finish());
  }

  private int makeRoom() {
    int limit =
        settings.maxNewTokens() > 0
            ? context - Math.min(settings.maxNewTokens(), context / ROOM)
            : Math.min(context, settings.maxLength()) - 1;
    int forgotten = 0;
    while (messages.size() > 2 && model.promptTokens(messages, system) > limit) {
      messages.subList(0, 2).clear();
      forgotten++;
    }
    return forgotten;
  }
}
