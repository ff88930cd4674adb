package llmengine.serve.schedule;

import java.util.Optional;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TokenConstraint;

/**
 * Answers asked of a served model.
 *
 * @param model name of the base model or of one of its adapters
 * @param prompt ids, at least one
 * @param options how tokens are chosen; answer i draws from stream i of the seed. No beams.
 * @param choices number of answers, which share the prompt's keys and values
 * @param topLogprobs for how many of the likeliest ids of each position the log-probability is
 *     told: -1 for none at all, 0 for the chosen id's alone
 * @param constraint of each answer's tokens; every answer takes a fork
 * @param client whose requests share one turn in the queue; empty for one of its own
 */
public record GenerationRequest(
    String model,
    int[] prompt,
    SamplingOptions options,
    int choices,
    int topLogprobs,
    Optional<TokenConstraint> constraint,
    String client) {}
