package llmengine.train.stage;

import java.nio.file.Path;
import java.util.ArrayList;
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
import llmengine.nn.Parameter;
import llmengine.nn.ValueHead;

/**
 * Stage rm: a score at the last token of each answer, trained so that the chosen one's is higher.
 * The loss of a pair is -log sigmoid(chosen - rejected), that of a step the mean over micro-batches
 * of their pairs' mean (Stiennon et al. 2020, section 3.4).
 */
public final class RewardModel implements Objective {
  private static final String CORRECT = "correct";
  private static final String PAIRS = "pairs";

  private final Decoder model;
  private final ValueHead head;
  private final long seed;
  private final boolean modelDrops;
  private final Neftune noise;

  /**
   * @param head closed with this
   * @param modelDrops whether adapters drop activations: then the two answers share nothing,
   *     because each has masks of its own
   * @param noise on the embeddings in training, of each answer's own as well
   */
  public RewardModel(Decoder model, ValueHead head, long seed, boolean modelDrops, Neftune noise) {
    this.model = model;
    this.head = head;
    this.seed = seed;
    this.modelDrops = modelDrops;
    this.noise = noise;
  }

  @Override
  public Outcome gradients(StepBatch batch, Step step) {
    double scale = 1.0 / batch.microBatches().size();
    double loss = 0;
    int row = 0;
    for (MicroBatch rows : batch.microBatches()) {
      loss += gradients(rows, scale / step.divisor(), step, row) * scale;
      row += rows.rows();
    }
    return Outcome.of(loss);
  }

  private double gradients(MicroBatch rows, double scale, Step step, int firstRow) {
    Sequences pairs = pairs(rows, !modelDrops && !noise.isOn());
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.training(scope);
      Tensor keys = Passes.pairKeys(scope, pairs, firstRow);
      if (modelDrops || head.drops()) {
        tape.withDropout(Passes.dropoutKey(seed, step.number()), keys);
      }
      var added = noise.of(model, pairs.lengths(), step.number(), keys);
      if (step.checked()) {
        tape.withChecks();
      }
      Tensor scores = head.scores(tape, Passes.hidden(tape, model, pairs, added), pairs.last());
      float[] values = scores.toFloats();
      float[] slopes = new float[values.length];
      double loss = 0;
      for (int r = 0; r < rows.rows(); r++) {
        double margin = (double) values[2 * r] - values[2 * r + 1];
        loss += Logistic.negativeLog(margin) / rows.rows();
        double slope = -Logistic.sigmoid(-margin) / rows.rows() * scale;
        slopes[2 * r] = (float) slope;
        slopes[2 * r + 1] = (float) -slope;
      }
      scores.grad(scope.of(slopes, slopes.length, 1));
      tape.backward();
      return loss;
    }
  }

  @Override
  public Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows) {
    double loss = 0;
    double correct = 0;
    for (Scores pair : scores(rows)) {
      loss += Logistic.negativeLog((double) pair.chosen - pair.rejected) / rows.rows();
      correct += pair.chosen > pair.rejected ? 1 : 0;
    }
    return Optional.of(new Outcome(loss, Map.of(CORRECT, correct, PAIRS, (double) rows.rows())));
  }

  /** Scores of a pair's answers. */
  public record Scores(float chosen, float rejected) {}

  /** Scores of pairs, without dropout. */
  public List<Scores> scores(MicroBatch rows) {
    Sequences pairs = pairs(rows, true);
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.inference(scope);
      Tensor scores = head.scores(tape, Passes.hidden(tape, model, pairs), pairs.last());
      float[] values = scores.toFloats();
      List<Scores> all = new ArrayList<>();
      for (int r = 0; r < rows.rows(); r++) {
        all.add(new Scores(values[2 * r], values[2 * r + 1]));
      }
      return all;
    }
  }

  private static Sequences pairs(MicroBatch rows, boolean share) {
    return Sequences.of(rows.examples().stream().map(Example::parts).toList(), share);
  }

  @Override
  public Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    if (sums.containsKey(PAIRS)) {
      metrics.put(prefix + "accuracy", sums.get(CORRECT) / sums.get(PAIRS));
    }
    return metrics;
  }

  @Override
  public List<Parameter> parameters() {
    return head.parameters();
  }

  @Override
  public List<String> plots() {
    return List.of("eval_accuracy");
  }

  @Override
  public void save(Path folder) {
    head.save(folder);
  }

  @Override
  public void load(Path folder) {
    head.load(folder);
  }

  @Override
  public void close() {
    head.close();
  }
}
