package llmengine.train.stage;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.StepBatch;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.TokenLogProbs;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;
import llmengine.train.metric.TokenAccuracy;

/**
 * Next-token prediction: the objective of the stages pt and sft, which differ in their labels only.
 * A step's loss is the mean over its labelled tokens, whatever its micro-batches.
 */
public final class CausalLm implements Objective {
  private final Decoder model;
  private final long seed;
  private final boolean dropout;
  private final double noiseAlpha;
  private final boolean accuracy;

  /**
   * @param dropout whether any part of the model drops activations in training
   */
  public CausalLm(Decoder model, long seed, boolean dropout) {
    this(model, seed, dropout, 0, false);
  }

  /**
   * @param noiseAlpha NEFTune's noise on the embeddings in training; 0 for none
   * @param accuracy whether evaluations count the tokens that the model finds likeliest
   */
  public CausalLm(Decoder model, long seed, boolean dropout, double noiseAlpha, boolean accuracy) {
    this.model = model;
    this.seed = seed;
    this.dropout = dropout || noiseAlpha > 0;
    this.noiseAlpha = noiseAlpha;
    this.accuracy = accuracy;
  }

  @Override
  public Outcome gradients(StepBatch batch, Step step) {
    double scale = 1.0 / Math.max(1, batch.labelledTokens());
    double sum = 0;
    int row = 0;
    for (MicroBatch rows : batch.microBatches()) {
      sum += gradients(rows, scale / step.divisor(), step, row);
      row += rows.rows();
    }
    return Outcome.of(sum * scale);
  }

  /**
   * Adds the gradients of {@code scale * (sum of the labelled tokens' losses)}.
   *
   * @param firstRow number of rows of the step before this micro-batch, for dropout
   * @return the sum of the losses, not scaled
   */
  private double gradients(MicroBatch rows, double scale, Step step, int firstRow) {
    if (rows.targets().length == 0) {
      return 0;
    }
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.training(scope);
      if (dropout) {
        tape.withDropout(
            Passes.dropoutKey(seed, step.number()),
            Passes.rowKeys(scope, rows.rowLengths(), firstRow));
      }
      if (step.checked()) {
        tape.withChecks();
      }
      Tensor losses = losses(tape, scope, rows, (float) scale, null);
      double sum = model.backend().sum(losses);
      tape.backward();
      return sum;
    }
  }

  @Override
  public Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows) {
    if (rows.targets().length == 0) {
      return Optional.empty();
    }
    TokenAccuracy counted = accuracy ? new TokenAccuracy(rows) : null;
    double loss = loss(rows, counted) / rows.targets().length;
    return Optional.of(new Outcome(loss, accuracy ? counted.sums() : Map.of()));
  }

  @Override
  public Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    return TokenAccuracy.of(sums, prefix);
  }

  @Override
  public List<String> plots() {
    return accuracy ? List.of("eval_accuracy") : List.of();
  }

  /** Sum of the labelled tokens' losses, without gradients. */
  public double loss(MicroBatch rows) {
    return rows.targets().length == 0 ? 0 : loss(rows, null);
  }

  private double loss(MicroBatch rows, TokenLogProbs.Probe probe) {
    try (Scope scope = new Scope(model.backend(), "activations")) {
      return model.backend().sum(losses(Tape.inference(scope), scope, rows, 1, probe));
    }
  }

  @Override
  public boolean hasPerplexity() {
    return true;
  }

  private Tensor losses(
      Tape tape, Scope scope, MicroBatch rows, float scale, TokenLogProbs.Probe probe) {
    Batch batch = Batch.of(scope, rows.ids(), rows.positions(), Segments.of(rows.segments()));
    return CausalLoss.apply(
        tape,
        model,
        model.hidden(tape, batch, noise(rows)),
        rows.labelled(),
        rows.targets(),
        scale,
        probe);
  }

  /** alpha / sqrt(L C), L the length to which the Trainer would pad the rows: a multiple of 8. */
  private float noise(MicroBatch rows) {
    int longest = 0;
    for (int length : rows.rowLengths()) {
      longest = Math.max(longest, length);
    }
    double values = Math.ceilDiv(longest, 8) * 8.0 * model.spec().width();
    return noiseAlpha == 0 ? 0 : (float) (noiseAlpha / Math.sqrt(values));
  }
}
