package llmengine.train.stage;

import java.util.Arrays;
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
import llmengine.engine.op.TokenDivergence;
import llmengine.engine.op.TokenLogProbs;
import llmengine.nn.Batch;
import llmengine.nn.CausalLogProbs;
import llmengine.nn.Decoder;
import llmengine.nn.EmbeddingNoise;
import llmengine.train.metric.TokenAccuracy;

/**
 * Stage sft with a weight for each token's cross-entropy, through which no gradient goes:
 *
 * <ul>
 *   <li>DFT (Wu et al. 2025, "On the generalization of SFT"): the token's probability
 *   <li>EAFT: (H / 3)^alpha with H the entropy of the 20 largest logits, renormalised
 *   <li>ASFT: as DFT, plus alpha x KL(reference || policy) of the token
 * </ul>
 *
 * A step's loss is the mean over its labelled tokens, whatever its micro-batches.
 */
public final class WeightedLm implements Objective {
  private static final int TOP = 20;

  /** Which weight. */
  public enum Kind {
    DFT,
    EAFT,
    ASFT
  }

  private final Decoder model;
  private final Kind kind;
  private final double alpha;
  private final Optional<ReferenceModel> reference;
  private final long seed;
  private final boolean dropout;
  private final Neftune noise;
  private final boolean accuracy;

  /**
   * @param alpha eaft_alpha or asft_alpha
   * @param reference of ASFT, closed with this
   * @param dropout whether any part of the model drops activations in training
   * @param noise on the embeddings in training
   * @param accuracy whether evaluations count the tokens that the model finds likeliest
   */
  public WeightedLm(
      Decoder model,
      Kind kind,
      double alpha,
      Optional<ReferenceModel> reference,
      long seed,
      boolean dropout,
      Neftune noise,
      boolean accuracy) {
    this.model = model;
    this.kind = kind;
    this.alpha = alpha;
    this.reference = reference;
    this.seed = seed;
    this.dropout = dropout;
    this.noise = noise;
    this.accuracy = accuracy;
  }

  @Override
  public Outcome gradients(StepBatch batch, Step step) {
    double scale = 1.0 / Math.max(1, batch.labelledTokens());
    double sum = 0;
    int row = 0;
    for (MicroBatch rows : batch.microBatches()) {
      if (rows.targets().length > 0) {
        try (Scope scope = new Scope(model.backend(), "activations")) {
          Tape tape = Tape.training(scope);
          Tensor keys = Passes.rowKeys(scope, rows.rowLengths(), row);
          if (dropout) {
            tape.withDropout(Passes.dropoutKey(seed, step.number()), keys);
          }
          var added = noise.of(model, rows.rowLengths(), step.number(), keys);
          if (step.checked()) {
            tape.withChecks();
          }
          sum += sum(tape, rows, scale / step.divisor(), added, null);
        }
      }
      row += rows.rows();
    }
    return Outcome.of(sum * scale);
  }

  @Override
  public Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows) {
    if (rows.targets().length == 0) {
      return Optional.empty();
    }
    TokenAccuracy counted = accuracy ? new TokenAccuracy(rows) : null;
    try (Scope scope = new Scope(model.backend(), "activations")) {
      double loss =
          sum(Tape.inference(scope), rows, 0, Optional.empty(), counted) / rows.targets().length;
      return Optional.of(new Outcome(loss, accuracy ? counted.sums() : Map.of()));
    }
  }

  @Override
  public Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    return TokenAccuracy.of(sums, prefix);
  }

  @Override
  public List<String> plots() {
    return accuracy ? List.of("eval_accuracy") : List.of();
  }

  /**
   * The tokens' losses added up; adds the gradients of {@code scale} times that.
   *
   * @param counted looks at the logits too; null for none
   */
  private double sum(
      Tape tape,
      MicroBatch rows,
      double scale,
      Optional<EmbeddingNoise> added,
      TokenAccuracy counted) {
    Tensor frozen = kind == Kind.ASFT ? frozenHidden(tape.scope(), rows) : null;
    Tensor hidden = hidden(tape, model, rows, added);
    float[] weights = new float[rows.targets().length];
    TokenLogProbs.Probe probe = kind == Kind.EAFT ? entropies(weights, counted) : counted;
    Tensor tokens =
        CausalLogProbs.apply(tape, model, hidden, rows.labelled(), rows.targets(), probe);
    float[] values = tokens.toFloats();
    float[] slopes = new float[values.length];
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      double weight = kind == Kind.EAFT ? weights[i] : Math.exp(values[i]);
      sum -= weight * values[i];
      slopes[i] = (float) (-weight * scale);
    }
    tokens.grad(tape.scope().of(slopes, slopes.length));
    if (frozen != null) {
      Tensor divergences =
          TokenDivergence.apply(
              tape,
              hidden,
              model.output().weight().value(),
              rows.labelled(),
              frozen,
              reference.orElseThrow().output());
      for (float divergence : divergences.toFloats()) {
        sum += alpha * divergence;
      }
      float[] each = new float[slopes.length];
      Arrays.fill(each, (float) (alpha * scale));
      divergences.grad(tape.scope().of(each, each.length));
    }
    tape.backward();
    return sum;
  }

  private static Tensor hidden(
      Tape tape, Decoder model, MicroBatch rows, Optional<EmbeddingNoise> added) {
    return model.hidden(
        tape,
        Batch.of(tape.scope(), rows.ids(), rows.positions(), Segments.of(rows.segments())),
        added);
  }

  private Tensor frozenHidden(Scope scope, MicroBatch rows) {
    return reference
        .orElseThrow()
        .with(
            frozen -> {
              try (Scope inner = new Scope(model.backend(), "activations")) {
                return inner.moveTo(
                    scope, hidden(Tape.inference(inner), frozen, rows, Optional.empty()));
              }
            });
  }

  private TokenLogProbs.Probe entropies(float[] weights, TokenAccuracy counted) {
    float cap = model.spec().finalSoftcap();
    return (logits, first) -> {
      if (counted != null) {
        counted.see(logits, first);
      }
      for (int r = 0; r < logits.rows(); r++) {
        double entropy = topEntropy(logits.rows(r, r + 1).toFloats(), cap);
        weights[first + r] = (float) Math.pow(entropy / 3, alpha);
      }
    };
  }

  /** Entropy of softmax over the largest logits alone. */
  static double topEntropy(float[] logits, float cap) {
    float[] top = new float[Math.min(TOP, logits.length)]; // ascending
    Arrays.fill(top, Float.NEGATIVE_INFINITY);
    for (float z : logits) {
      if (z > top[0]) {
        int i = 0;
        for (; i + 1 < top.length && top[i + 1] < z; i++) {
          top[i] = top[i + 1];
        }
        top[i] = z;
      }
    }
    double sum = 0;
    double mean = 0;
    double max = capped(top[top.length - 1], cap);
    for (float z : top) {
      double shifted = capped(z, cap) - max;
      double e = Math.exp(shifted);
      sum += e;
      mean += e == 0 ? 0 : e * shifted;
    }
    return Math.log(sum) - mean / sum;
  }

  private static double capped(float z, float cap) {
    return cap > 0 ? cap * Math.tanh(z / cap) : z;
  }

  @Override
  public void close() {
    reference.ifPresent(ReferenceModel::close);
  }
}
