package llmengine.nn.generate;

/**
 * What a model wrote after a prompt.
 *
 * @param prompt index of the prompt in the call
 * @param ids the new tokens; a stop id that ended them is the last
 * @param finish why they ended
 * @param score of beam search: summed log-probability / length^length_penalty; NaN without beams
 */
public record Generation(int prompt, int[] ids, FinishReason finish, double score) {}
