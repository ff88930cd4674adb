package llmengine.serve.local;

import llmengine.nn.generate.FinishReason;

/**
 * What a model answered.
 *
 * @param text without special tokens and without the stop text that ended it
 * @param finish why it ended; {@link FinishReason#CANCELLED} if the model was closed meanwhile
 * @param promptTokens of the whole prompt, the template's own tokens included
 * @param tokens generated, the stop token included
 * @param cachedPromptTokens those of the prompt that an earlier request had left computed
 */
public record Answer(
    String text, FinishReason finish, int promptTokens, int tokens, int cachedPromptTokens) {}
