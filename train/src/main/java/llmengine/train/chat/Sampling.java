package llmengine.train.chat;

import java.util.Set;
import llmengine.nn.generate.SamplingOptions;
import llmengine.train.config.GeneratingArguments;

/** The keys of a configuration about generation as the generator takes them. */
public final class Sampling {
  private Sampling() {}

  /**
   * @param stopIds ids that end an answer
   */
  public static SamplingOptions options(GeneratingArguments g, Set<Integer> stopIds, long seed) {
    SamplingOptions.Builder b =
        SamplingOptions.defaults()
            .with()
            .doSample(g.doSample())
            .temperature(g.temperature())
            .topP(g.topP())
            .topK(g.topK())
            .minP(g.minP())
            .repetitionPenalty(g.repetitionPenalty())
            .presencePenalty(g.presencePenalty())
            .frequencyPenalty(g.frequencyPenalty())
            .numBeams(g.numBeams())
            .lengthPenalty(g.lengthPenalty())
            .stopIds(stopIds)
            .seed(seed);
    if (g.maxNewTokens() > 0) {
      b.maxNewTokens(g.maxNewTokens());
    } else {
      b.maxNewTokens(0).maxLength(g.maxLength());
    }
    return b.build();
  }
}
