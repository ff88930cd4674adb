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
import llmengine.nn.EmbeddingNoise;
import llmengine.nn.ShiftedGroups;
import llmengine.train.metric.TokenAccuracy;

/**
 * Next-token prediction: the objective of the stages pt and sft, which differ in their labels only.
 * A step's loss is the mean over its labelled tokens, whatever its micro-batches.
 */
public final class CausalLm implements Objective {
  private final Decoder model;
  private final long seed;
  private final boolean dropout;
  private final Neftune noise;
  private final Optional<ShortAttention> shortAttention;
  private final boolean accuracy;

  /**
   * Attention within groups in training, shifted for half of the heads ({@code shift_attn}).
   *
   * @param wraps see {@link ShiftedGroups#shifted}
   */
  public record ShortAttention(boolean wraps) {}

  /**
   * @param dropout whether any part of the model drops activations in training
   */
  public CausalLm(Decoder model, long seed, boolean dropout) {
    this(model, seed, dropout, Neftune.OFF, Optional.empty(), false);
  }

  /**
   * @param noise on the embeddings in training
   * @param shortAttention empty for attention over whole sequences
   * @param accuracy whether evaluations count the tokens that the model finds likeliest
   */
  public CausalLm(
      Decoder model,
      long seed,
      boolean dropout,
      Neftune noise,
      Optional<ShortAttention> shortAttention,
      boolean accuracy) {
    this.model = model;
    this.seed = seed;
    this.dropout = dropout;
    this.noise = noise;
    this.shortAttention = shortAttention;
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
      Optional<EmbeddingNoise> added = Optional.empty();
      if (dropout || noise.isOn()) {
        Tensor keys = Passes.rowKeys(scope, rows.rowLengths(), firstRow);
        if (dropout) {
          tape.withDropout(Passes.dropoutKey(seed, step.number()), keys);
        }
        added = noise.of(model, rows.rowLengths(), step.number(), keys);
      }
      if (step.checked()) {
        tape.withChecks();
      }
      Tensor losses = losses(tape, rows, (float) scale, added, null);
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
      return model.backend().sum(losses(Tape.inference(scope), rows, 1, Optional.empty(), probe));
    }
  }

  @Override
  public boolean hasPerplexity() {
    return true;
  }

  private Tensor losses(
      Tape tape,
      MicroBatch rows,
      float scale,
      Optional<EmbeddingNoise> added,
      TokenLogProbs.Probe probe) {
    Batch batch =
        Batch.of(tape.scope(), rows.ids(), rows.positions(), Segments.of(rows.segments()));
    if (shortAttention.isPresent() && tape.isTraining()) {
      batch =
          batch.within(
              ShiftedGroups.quarters(rows.rowLengths(), rows.segments()),
              shortAttention.get().wraps());
    }
    return CausalLoss.apply(
        tape,
        model,
        model.hidden(tape, batch, added),
        rows.labelled(),
        rows.targets(),
        scale,
        probe);
  }
}
