package llmengine.serve.local;

import java.util.List;
import llmengine.data.template.ToolCall;
import llmengine.nn.generate.FinishReason;

/**
 * What a model answered.
 *
 * @param text without special tokens and without the stop text that ended it
 * @param reasoning the thought in front of the text; empty if there is none
 * @param toolCalls calls of the tools that were offered; the arguments of the last one may be cut
 *     off if {@code finish} is LENGTH
 * @param finish why it ended; {@link FinishReason#CANCELLED} if the model was closed meanwhile
 * @param promptTokens of the whole prompt, the template's own tokens included
 * @param tokens generated, the stop token included
 * @param cachedPromptTokens those of the prompt that an earlier request had left computed
 */
public record Answer(
    String text,
    String reasoning,
    List<ToolCall> toolCalls,
    FinishReason finish,
    int promptTokens,
    int tokens,
    int cachedPromptTokens) {
  public Answer {
    toolCalls = List.copyOf(toolCalls);
  }
}
