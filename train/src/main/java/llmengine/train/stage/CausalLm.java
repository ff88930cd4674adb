package llmengine.train.stage;

import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import llmengine.data.batch.MicroBatch;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;

/**
 * Next-token prediction: the objective of the stages pt and sft, which differ in their labels only.
 */
public final class CausalLm {
  private final Decoder model;
  private final long seed;
  private final boolean dropout;
  private final double noiseAlpha;

  /**
   * @param dropout whether any part of the model drops activations in training
   */
  public CausalLm(Decoder model, long seed, boolean dropout) {
    this(model, seed, dropout, 0);
  }

  /**
   * @param noiseAlpha NEFTune's noise on the embeddings in training; 0 for none
   */
  public CausalLm(Decoder model, long seed, boolean dropout, double noiseAlpha) {
    this.model = model;
    this.seed = seed;
    this.dropout = dropout || noiseAlpha > 0;
    this.noiseAlpha = noiseAlpha;
  }

  /**
   * Weights that a token is multiplied with, the embedding table left out: the N of the 6 N
   * operations of a training step.
   *
   * @param trained the trained parameters: those of adapters count too
   */
  public long weightsPerToken(Collection<Parameter> trained) {
    Set<Parameter> all = Collections.newSetFromMap(new IdentityHashMap<>());
    all.addAll(model.parameters().values());
    all.addAll(trained);
    all.remove(model.embedding().weight());
    return all.stream().mapToLong(Parameter::size).sum();
  }

  /**
   * Adds the gradients of {@code scale * (sum of the labelled tokens' losses)} to the trained
   * parameters.
   *
   * @param step the optimizer step, for dropout
   * @param firstRow number of rows of the step before this micro-batch, for dropout
   * @param checked look at every intermediate value and throw at the first that is not finite
   * @return the sum of the losses, not scaled
   */
  public double gradients(MicroBatch rows, double scale, int step, int firstRow, boolean checked) {
    if (rows.targets().length == 0) {
      return 0;
    }
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.training(scope);
      if (dropout) {
        tape.withDropout(seed * 0x9E3779B97F4A7C15L + step, rowKeys(scope, rows, firstRow));
      }
      if (checked) {
        tape.withChecks();
      }
      Tensor losses = losses(tape, scope, rows, (float) scale);
      double sum = model.backend().sum(losses);
      tape.backward();
      return sum;
    }
  }

  /** Sum of the labelled tokens' losses, without gradients. */
  public double loss(MicroBatch rows) {
    if (rows.targets().length == 0) {
      return 0;
    }
    try (Scope scope = new Scope(model.backend(), "activations")) {
      return model.backend().sum(losses(Tape.inference(scope), scope, rows, 1));
    }
  }

  private Tensor losses(Tape tape, Scope scope, MicroBatch rows, float scale) {
    Batch batch = Batch.of(scope, rows.ids(), rows.positions(), Segments.of(rows.segments()));
    return CausalLoss.apply(
        tape,
        model,
        model.hidden(tape, batch, noise(rows)),
        rows.labelled(),
        rows.targets(),
        scale);
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

  /**
   * A key of (row within the step, token within the row) for each token, so that batching doesn't
   * change the masks.
   */
  private static Tensor rowKeys(Scope scope, MicroBatch rows, int firstRow) {
    int[] keys = new int[rows.ids().length];
    int at = 0;
    for (int r = 0; r < rows.rows(); r++) {
      int seed = (firstRow + r) * 0x9E3779B1;
      for (int t = 0; t < rows.rowLengths()[r]; t++) {
        keys[at++] = seed + t;
      }
    }
    return scope.empty(DType.I32, keys.length).set(keys);
  }
}
