package llmengine.train.stage;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.Sequences;
import llmengine.data.batch.StepBatch;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.LogitSums;

/**
 * Stage dpo: pairs of answers, the chosen one to be made more probable against the rejected one
 * ({@link PairLoss}). Nothing is dropped. What the answers have in common is computed once. The
 * loss of a step is the mean over micro-batches of their pairs' mean.
 */
public final class Dpo implements Objective {
  private static final String BATCHES = "micro_batches";
  private static final String BASELINE = "bco_mean";
  private static final String BASELINE_COUNT = "bco_count";

  private final Decoder model;
  private final PairLoss loss;
  private final Optional<Double> tailWeight;
  private final Optional<Reference> reference;
  private final TokenizedDataset train;
  private final Neftune noise;
  private final LogitSums logitSums;
  private double baseline; // BCO: mean reward of all micro-batches so far
  private double baselineCount;

  /**
   * @param tailWeight LD-DPO (Liu et al. 2024): weight of the policy's log-probabilities beyond the
   *     shorter answer's length
   * @param reference closed with this; empty: the policy as it is, and no rewards are logged where
   *     the loss compares
   * @param train the training rows; null if there is no training
   * @param noise on the policy's embeddings in training; then the answers share nothing, because
   *     each has noise of its own
   */
  public Dpo(
      Decoder model,
      PairLoss loss,
      Optional<Double> tailWeight,
      Optional<Reference> reference,
      TokenizedDataset train,
      Neftune noise) {
    this.model = model;
    this.loss = loss;
    this.tailWeight = tailWeight;
    this.reference = reference;
    this.train = train;
    this.noise = noise;
    logitSums = new LogitSums(model);
  }

  @Override
  public Outcome gradients(StepBatch batch, Step step) {
    double scale = 1.0 / batch.microBatches().size();
    double total = 0;
    Map<String, Double> sums = new LinkedHashMap<>();
    int row = 0;
    for (MicroBatch rows : batch.microBatches()) {
      double[] compared = reference(train, rows);
      try (Scope scope = new Scope(model.backend(), "activations")) {
        Tape tape = Tape.training(scope);
        if (step.checked()) {
          tape.withChecks();
        }
        Policy policy = policy(tape, rows, noise, step.number(), row);
        row += rows.rows();
        if (loss.bcoWeight() > 0 && loss.kind().hasReference()) {
          observe(policy.values, compared);
        }
        Judged judged = judge(policy, compared);
        Passes.backward(tape, policy.tokens, policy.spread(judged, scale / step.divisor()));
        total += judged.loss * scale;
        judged.sums.forEach((name, value) -> sums.merge(name, value, Double::sum));
      }
    }
    return new Outcome(total, sums);
  }

  @Override
  public Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows) {
    double[] compared = reference(set, rows);
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Policy policy = policy(Tape.inference(scope), rows, Neftune.OFF, 0, 0);
      Judged judged = judge(policy, compared);
      return Optional.of(new Outcome(judged.loss, judged.sums));
    }
  }

  /** The reference's log-probabilities as the loss takes them; null for those of the policy. */
  private double[] reference(TokenizedDataset set, MicroBatch rows) {
    if (!loss.kind().hasReference()) {
      return new double[2 * rows.rows()];
    }
    if (reference.isEmpty()) {
      return null;
    }
    double[] sums = reference.get().logProbs(set, rows);
    if (loss.kind().isAveraged()) {
      int q = 0;
      for (Example row : rows.examples()) {
        for (Example.Part part : row.parts()) {
          sums[q++] /= Math.max(1, labels(part));
        }
      }
    }
    return sums;
  }

  private static int labels(Example.Part part) {
    int count = 0;
    for (int t = 1; t < part.labels().length; t++) {
      count += part.labels()[t] == Example.IGNORED ? 0 : 1;
    }
    return count;
  }

  /**
   * @param firstRow number of rows of the step before this micro-batch, for the noise
   */
  private Policy policy(Tape tape, MicroBatch rows, Neftune added, int step, int firstRow) {
    Sequences pairs =
        Sequences.of(rows.examples().stream().map(Example::parts).toList(), !added.isOn());
    Tensor keys = Passes.pairKeys(tape.scope(), pairs, firstRow);
    Tensor hidden = Passes.hidden(tape, model, pairs, added.of(model, pairs.lengths(), step, keys));
    Tensor tokens = Passes.logProbs(tape, model, pairs, hidden);
    float[] weights = weights(pairs);
    float[] weighed = Passes.floats(tokens);
    for (int i = 0; i < weighed.length; i++) {
      weighed[i] *= weights[i];
    }
    double[] values = Passes.sums(pairs, weighed);
    double[] logits = Passes.tokenSums(pairs, logitSums.of(hidden));
    if (loss.kind().isAveraged()) {
      for (int q = 0; q < values.length; q++) {
        values[q] /= Math.max(1, pairs.labels()[q]);
      }
    }
    return new Policy(pairs, tokens, weights, values, logits, loss.kind().isAveraged());
  }

  /** What each labelled token's log-probability counts. */
  private float[] weights(Sequences pairs) {
    float[] weights = new float[pairs.labelled().length];
    int at = 0;
    for (int q = 0; q < pairs.count(); q++) {
      int shorter = Math.min(pairs.labels()[q], pairs.labels()[q ^ 1]);
      for (int i = 0; i < pairs.labels()[q]; i++) {
        weights[at++] = i < shorter ? 1 : tailWeight.orElse(1.0).floatValue();
      }
    }
    return weights;
  }

  /**
   * The policy's view of a micro-batch's pairs: chosen and rejected answer of each in turn.
   *
   * @param tokens log-probabilities of the labelled tokens
   * @param values of the answers, as the loss takes them
   * @param logits sums over tokens and vocabulary
   */
  private record Policy(
      Sequences pairs,
      Tensor tokens,
      float[] weights,
      double[] values,
      double[] logits,
      boolean averaged) {

    /** The mean log-probability of an answer's tokens. */
    double mean(int q) {
      return averaged ? values[q] : values[q] / Math.max(1, pairs.labels()[q]);
    }

    /** Gradients of the labelled tokens' log-probabilities. */
    float[] spread(Judged judged, double scale) {
      float[] gradients = new float[weights.length];
      int at = 0;
      for (int q = 0; q < values.length; q++) {
        int labels = pairs.labels()[q];
        double each = scale * (judged.slopes[q] / (averaged ? Math.max(1, labels) : 1));
        for (int i = 0; i < labels; i++, at++) {
          gradients[at] = (float) (each * weights[at]);
        }
      }
      return gradients;
    }
  }

  /** A micro-batch's mean loss, its derivatives by the answers' values, and what is logged. */
  private record Judged(double loss, double[] slopes, Map<String, Double> sums) {}

  private Judged judge(Policy policy, double[] compared) {
    int n = policy.values.length / 2;
    double[] other = compared == null ? policy.values : compared;
    double[] slopes = new double[2 * n];
    double total = 0;
    Map<String, Double> sums = new LinkedHashMap<>();
    sums.put(BATCHES, 1.0);
    for (int r = 0; r < n; r++) {
      int c = 2 * r;
      int j = c + 1;
      double chosen = policy.values[c];
      double rejected = policy.values[j];
      PairLoss.Value value =
          loss.of(
              new PairLoss.Pair(chosen, rejected), new PairLoss.Pair(other[c], other[j]), baseline);
      double sft = -policy.mean(c);
      double pair = value.loss() + loss.ftx() * sft;
      total += pair / n;
      double meanSlope = loss.kind().isAveraged() ? 1 : 1.0 / Math.max(1, policy.pairs.labels()[c]);
      slopes[c] = (value.chosenSlope() - loss.ftx() * meanSlope) / n;
      slopes[j] = value.rejectedSlope() / n;
      double chosenReward = loss.reward(chosen, other[c]);
      double rejectedReward = loss.reward(rejected, other[j]);
      if (compared != null) {
        add(sums, "rewards/chosen", chosenReward / n);
        add(sums, "rewards/rejected", rejectedReward / n);
        add(sums, "rewards/accuracies", chosenReward > rejectedReward ? 1.0 / n : 0);
        add(sums, "rewards/margins", (chosenReward - rejectedReward) / n);
      }
      add(sums, "logps/chosen", chosen / n);
      add(sums, "logps/rejected", rejected / n);
      if (loss.kind() == PairLoss.Kind.ORPO) {
        add(sums, "sft_loss", sft / n);
        add(sums, "odds_ratio_loss", (pair - sft) / loss.beta() / n);
      }
    }
    add(sums, "logits/chosen", meanLogit(policy, 0));
    add(sums, "logits/rejected", meanLogit(policy, 1));
    return new Judged(total, slopes, sums);
  }

  private double meanLogit(Policy policy, int which) {
    double sum = 0;
    double count = 0;
    for (int q = which; q < policy.logits.length; q += 2) {
      sum += policy.logits[q];
      count += (double) policy.pairs.lengths()[q] * model.spec().vocab();
    }
    return sum / count;
  }

  private static void add(Map<String, Double> sums, String name, double value) {
    sums.merge(name, value, Double::sum);
  }

  /** Takes the micro-batch's mean reward into BCO's baseline. */
  private void observe(double[] policy, double[] compared) {
    double sum = 0;
    for (int q = 0; q < policy.length; q++) {
      sum += compared == null ? 0 : loss.reward(policy[q], compared[q]);
    }
    baselineCount++;
    baseline += (sum / policy.length - baseline) / baselineCount;
  }

  @Override
  public Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    sums.forEach(
        (name, sum) -> {
          if (!name.equals(BATCHES)) {
            metrics.put(prefix + name, sum / sums.get(BATCHES));
          }
        });
    return metrics;
  }

  @Override
  public List<String> plots() {
    return List.of("rewards/accuracies");
  }

  @Override
  public Map<String, Double> state() {
    return loss.bcoWeight() > 0
        ? Map.of(BASELINE, baseline, BASELINE_COUNT, baselineCount)
        : Map.of();
  }

  @Override
  public void restore(Map<String, Double> state) {
    baseline = state.getOrDefault(BASELINE, 0.0);
    baselineCount = state.getOrDefault(BASELINE_COUNT, 0.0);
  }

  @Override
  public void close() {
    logitSums.close();
    reference.ifPresent(Reference::close);
  }
}
