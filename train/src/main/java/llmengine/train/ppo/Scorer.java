package llmengine.train.ppo;

import java.util.List;

/** Judges answers: where the reward of stage ppo comes from. */
public interface Scorer extends AutoCloseable {
  /** Ids of prompts followed by their answers. */
  double[] scores(List<int[]> conversations);

  @Override
  default void close() {}
}
