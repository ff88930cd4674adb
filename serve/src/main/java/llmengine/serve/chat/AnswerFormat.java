package llmengine.serve.chat;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import llmengine.data.Tokenizer;
import llmengine.data.template.ChatFormat;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.tool.WordPair;

/**
 * What a model's answers are made of.
 *
 * @param thought words around a thought; empty if the model has none
 * @param calls how it writes tool calls
 */
public record AnswerFormat(Optional<WordPair> thought, CallSyntax calls) {
  private static final int PROMPT_END = 16; // tokens in which a thought may have been opened
  private static final List<WordPair> THOUGHTS =
      List.of(
          new WordPair("<seed:think>", "</seed:think>"),
          new WordPair("◁think▷", "◁/think▷"),
          new WordPair("<|channel>thought", "<channel|>"),
          new WordPair(
              "<|channel|>analysis<|message|>",
              "<|end|><|start|>assistant<|channel|>final<|message|>"),
          new WordPair("<think>", "</think>"));

  /** Of the format in which a served model is asked. */
  public static AnswerFormat of(ChatFormat format) {
    return format
        .named()
        .map(AnswerFormat::of)
        .or(() -> format.jinja().map(AnswerFormat::detect))
        .orElse(new AnswerFormat(Optional.empty(), CallSyntax.NONE));
  }

  /** Of a template by name. */
  public static AnswerFormat of(ChatTemplate template) {
    Optional<WordPair> thought =
        template.reasons() ? Optional.of(template.thoughtWords()) : Optional.empty();
    return new AnswerFormat(thought, CallSyntax.of(template.toolFormat()));
  }

  /** Of a checkpoint's own {@code chat_template} (Jinja), by the words that it holds. */
  public static AnswerFormat detect(String chatTemplate) {
    Optional<WordPair> thought =
        THOUGHTS.stream()
            .filter(
                words ->
                    chatTemplate.contains(words.open()) || chatTemplate.contains(words.close()))
            .findFirst();
    return new AnswerFormat(thought, CallSyntax.detect(chatTemplate));
  }

  /** Whether a prompt has opened the thought already. */
  public boolean opensThought(int[] prompt, Tokenizer tokenizer) {
    int[] end = Arrays.copyOfRange(prompt, Math.max(0, prompt.length - PROMPT_END), prompt.length);
    return opensThought(tokenizer.decode(end, false));
  }

  /** Whether a prompt whose text ends so has opened the thought already. */
  public boolean opensThought(String promptEnd) {
    return thought.isPresent() && promptEnd.stripTrailing().endsWith(thought.get().open().strip());
  }

  /**
   * Whether the answer's text must hold this special token, because the parser looks for it: all
   * others are to be left out of the text.
   */
  public boolean keeps(String specialToken) {
    return Stream.concat(
            thought.stream().flatMap(words -> Stream.of(words.open(), words.close())),
            calls.words().stream())
        .anyMatch(word -> word.contains(specialToken));
  }
}
