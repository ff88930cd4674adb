package llmengine.data.batch;

import java.util.List;

/**
 * The micro-batches of one optimizer step. {@code nextEpoch} and {@code nextPosition} (rows of that
 * epoch already used) say where the step after it starts: a run that saves them goes on exactly
 * there.
 */
public record StepBatch(int epoch, int nextEpoch, int nextPosition, List<MicroBatch> microBatches) {
  /** Labelled tokens of all micro-batches: what the step's loss is divided by. */
  public long labelledTokens() {
    return microBatches.stream().mapToLong(batch -> batch.targets().length).sum();
  }

  public long tokens() {
    return microBatches.stream().mapToLong(batch -> batch.ids().length).sum();
  }
}
