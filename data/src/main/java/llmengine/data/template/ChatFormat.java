package llmengine.data.template;

import java.util.Optional;
import java.util.Set;
import llmengine.data.DataException;
import llmengine.data.Tokenizer;

/**
 * How a model is asked: turns a chat into the ids after which it writes its answer. Either one of
 * the named templates, the same as in training, or the checkpoint's own {@code chat_template}.
 * Immutable and safe for concurrent use.
 */
public sealed interface ChatFormat permits NamedFormat, CheckpointFormat {
  /** For people: the template's name, or where the checkpoint's own was found. */
  String name();

  /**
   * Ids of the whole prompt, the beginning of the answer included. Throws {@link DataException} if
   * the format has no place for a message, its tools or an argument, or if the template itself
   * refuses the chat.
   */
  int[] prompt(Chat chat);

  /** Ids that end an answer; eos, if there is one, is the first. */
  Set<Integer> stopIds();

  /** The named template, if this is one. */
  default Optional<ChatTemplate> named() {
    return Optional.empty();
  }

  /** The text of the checkpoint's own {@code chat_template}, if this is one. */
  default Optional<String> jinja() {
    return Optional.empty();
  }

  /** A named template with the tokenizer that went through its {@code fixSpecialTokens}. */
  static ChatFormat of(ChatTemplate template, Tokenizer tokenizer) {
    return new NamedFormat(template, tokenizer);
  }
}
