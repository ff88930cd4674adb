package llmengine.train.stage;

import llmengine.data.batch.MicroBatch;
import llmengine.data.store.TokenizedDataset;

/** What a frozen model thinks of the answers that a policy is trained on. */
public interface Reference extends AutoCloseable {

  /**
   * Sums of log-probabilities of the learned tokens, for each sequence of each row in order.
   *
   * @param set where the rows come from
   */
  double[] logProbs(TokenizedDataset set, MicroBatch rows);

  @Override
  default void close() {}
}
