package llmengine.train.stage;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.Sequences;
import llmengine.data.batch.StepBatch;
import llmengine.data.process.Feedback;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.LogitSums;

/**
 * Stage kto: answers with a judgement each (Ethayarajh et al. 2024, equation 8). With r the
 * policy's log-probability above the reference's and z the same over mismatched answers, averaged
 * over the micro-batch, not below 0 and without gradient: weight (1 - sigmoid(beta (r - z))) for a
 * desirable answer, weight (1 - sigmoid(beta (z - r))) for an undesirable one. Nothing is dropped.
 */
public final class Kto implements Objective {

  /** Keys pref_beta, kto_chosen_weight, kto_rejected_weight, pref_ftx. */
  public record Weights(double beta, double desirable, double undesirable, double ftx) {}

  private static final String COUNT = "count/";
  private static final List<String> KINDS = List.of("chosen", "rejected");

  private final Decoder model;
  private final Weights weights;
  private final Optional<Reference> reference;
  private final TokenizedDataset train;
  private final Neftune noise;
  private final LogitSums logitSums;

  /**
   * @param reference closed with this; empty: the policy as it is, and no rewards are logged
   * @param train the training rows; null if there is no training
   * @param noise on the policy's embeddings in training; the divergence is measured without
   */
  public Kto(
      Decoder model,
      Weights weights,
      Optional<Reference> reference,
      TokenizedDataset train,
      Neftune noise) {
    this.model = model;
    this.weights = weights;
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
      double divergence = divergence(rows, compared);
      try (Scope scope = new Scope(model.backend(), "activations")) {
        Tape tape = Tape.training(scope);
        if (step.checked()) {
          tape.withChecks();
        }
        Policy policy = policy(tape, rows, noise, step.number(), row);
        row += rows.rows();
        Judged judged = judge(rows, policy, compared, divergence);
        Passes.backward(tape, policy.tokens, judged.spread(policy, scale / step.divisor()));
        total += judged.loss * scale;
        judged.sums.forEach((name, value) -> sums.merge(name, value, Double::sum));
      }
    }
    return new Outcome(total, sums);
  }

  @Override
  public Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows) {
    double[] compared = reference(set, rows);
    double divergence = divergence(rows, compared);
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Policy policy = policy(Tape.inference(scope), rows, Neftune.OFF, 0, 0);
      Judged judged = judge(rows, policy, compared, divergence);
      return Optional.of(new Outcome(judged.loss, judged.sums));
    }
  }

  /** The reference's sums for answer and mismatched answer of each row; null for the policy's. */
  private double[] reference(TokenizedDataset set, MicroBatch rows) {
    return reference.map(r -> r.logProbs(set, rows)).orElse(null);
  }

  /** How much more probable the policy finds mismatched answers than the reference does. */
  private double divergence(MicroBatch rows, double[] compared) {
    if (compared == null) {
      return 0;
    }
    double[] policy = Passes.sums(model, answers(rows, 1));
    double sum = 0;
    for (int r = 0; r < policy.length; r++) {
      sum += policy[r] - compared[2 * r + 1];
    }
    return Math.max(0, sum / policy.length);
  }

  private static Sequences answers(MicroBatch rows, int part) {
    return Sequences.of(
        rows.examples().stream().map(row -> List.of(row.parts().get(part))).toList(), false);
  }

  /** Log-probabilities of the answers' tokens, their sums, and sums of all logits. */
  private record Policy(Sequences answers, Tensor tokens, double[] sums, double[] logits) {}

  /**
   * @param firstRow number of rows of the step before this micro-batch, for the noise
   */
  private Policy policy(Tape tape, MicroBatch rows, Neftune added, int step, int firstRow) {
    Sequences answers = answers(rows, 0);
    Tensor keys = Passes.rowKeys(tape.scope(), answers.lengths(), firstRow);
    Tensor hidden =
        Passes.hidden(tape, model, answers, added.of(model, answers.lengths(), step, keys));
    Tensor tokens = Passes.logProbs(tape, model, answers, hidden);
    return new Policy(
        answers,
        tokens,
        Passes.sums(answers, Passes.floats(tokens)),
        Passes.tokenSums(answers, logitSums.of(hidden)));
  }

  /** The mean loss, its derivatives by the answers' sums, and what is logged. */
  private record Judged(double loss, double[] slopes, Map<String, Double> sums) {
    float[] spread(Policy policy, double scale) {
      float[] gradients = new float[policy.answers.labelled().length];
      int at = 0;
      for (int r = 0; r < slopes.length; r++) {
        for (int i = 0; i < policy.answers.labels()[r]; i++) {
          gradients[at++] = (float) (slopes[r] * scale);
        }
      }
      return gradients;
    }
  }

  private Judged judge(MicroBatch rows, Policy policy, double[] compared, double divergence) {
    int n = rows.rows();
    double[] slopes = new double[n];
    double total = 0;
    int learned = 0; // desirable answers with a token to learn
    int desirable = 0;
    Map<String, Double> sums = new LinkedHashMap<>();
    for (int r = 0; r < n; r++) {
      boolean good = isDesirable(rows, r);
      double sum = policy.sums[r];
      double ratio = compared == null ? 0 : sum - compared[2 * r];
      double sign = good ? 1 : -1;
      double weight = good ? weights.desirable : weights.undesirable;
      double p = Logistic.sigmoid(sign * weights.beta * (ratio - divergence));
      total += weight * (1 - p) / n;
      slopes[r] = -sign * weight * weights.beta * p * (1 - p) / n;
      desirable += good ? 1 : 0;
      learned += good && policy.answers.labels()[r] > 0 ? 1 : 0;
      String kind = KINDS.get(good ? 0 : 1);
      sums.merge(COUNT + kind, 1.0, Double::sum);
      if (compared != null) {
        sums.merge("rewards/" + kind, weights.beta * ratio, Double::sum);
      }
      sums.merge("logps/" + kind, sum, Double::sum);
      sums.merge("logits/" + kind, policy.logits[r], Double::sum);
    }
    sums.put("kl", divergence);
    if (weights.ftx > 0 && learned > 0) {
      // theirs: the mean over desirable answers, times how rare they are in the micro-batch
      double each = weights.ftx / learned / desirable * n;
      for (int r = 0; r < n; r++) {
        int labels = policy.answers.labels()[r];
        if (isDesirable(rows, r) && labels > 0) {
          total -= each * policy.sums[r] / labels;
          slopes[r] -= each / labels;
        }
      }
    }
    return new Judged(total, slopes, sums);
  }

  private static boolean isDesirable(MicroBatch rows, int r) {
    return rows.examples().get(r).feedback() == Feedback.DESIRABLE;
  }

  /** Means over the answers of a kind; kl is a sum over micro-batches, as LLaMA-Factory logs it. */
  @Override
  public Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    for (String kind : KINDS) {
      for (String what : List.of("rewards/", "logps/", "logits/")) {
        if (sums.containsKey(what + kind)) {
          metrics.put(prefix + what + kind, sums.get(what + kind) / sums.get(COUNT + kind));
        }
      }
    }
    Double chosen = metrics.get(prefix + "rewards/chosen");
    Double rejected = metrics.get(prefix + "rewards/rejected");
    if (chosen != null && rejected != null) {
      metrics.put(prefix + "rewards/margins", chosen - rejected);
    }
    if (sums.containsKey("kl")) {
      metrics.put("kl", sums.get("kl")); // theirs has no prefix in evaluations either
    }
    return metrics;
  }

  @Override
  public List<String> plots() {
    return List.of("rewards/chosen");
  }

  @Override
  public void close() {
    logitSums.close();
    reference.ifPresent(Reference::close);
  }
}
