package llmengine.serve.schedule;

/**
 * Natural log-probabilities at one position, of the distribution before temperature and filters.
 *
 * @param chosen that of the id that was chosen
 * @param topIds the likeliest ids, likeliest first
 * @param top their log-probabilities
 */
public record Logprobs(float chosen, int[] topIds, float[] top) {}
