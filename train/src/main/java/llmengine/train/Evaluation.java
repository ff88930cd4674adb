package llmengine.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import llmengine.data.batch.Collator;
import llmengine.data.batch.MicroBatch;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.stage.Objective;
import llmengine.train.stage.RewardModel;

/**
 * Evaluation as the Hugging Face Trainer reports it: the loss is the mean over rows of their
 * batch's mean loss.
 */
final class Evaluation {
  private final Objective objective;
  private final Map<String, TokenizedDataset> sets;
  private final int batchSize;
  private final Optional<Prediction> prediction;

  /**
   * @param sets by dataset name; the only set has an empty name unless each is evaluated by itself
   * @param prediction present to compare generated answers instead
   */
  Evaluation(
      Objective objective,
      Map<String, TokenizedDataset> sets,
      int batchSize,
      Optional<Prediction> prediction) {
    this.objective = objective;
    this.sets = sets;
    this.batchSize = batchSize;
    this.prediction = prediction;
  }

  /** eval_loss, eval_runtime and rates, or eval_NAME_loss ... for each dataset. */
  Map<String, Object> run() {
    if (sets.isEmpty()) {
      throw new TrainException(
          "evaluation: no data: expected val_size or eval_dataset, got neither. Set one of them or"
              + " eval_strategy: no.");
    }
    Map<String, Object> metrics = new LinkedHashMap<>();
    sets.forEach((name, set) -> run(name.isEmpty() ? "eval" : "eval_" + name, set, metrics));
    return metrics;
  }

  /** Evaluates a dataset under the keys {@code prefix_...} and writes its answers' scores. */
  Map<String, Object> score(String prefix, TokenizedDataset set, RewardModel scorer, Path file)
      throws IOException {
    Map<String, Object> metrics = new LinkedHashMap<>();
    run(prefix, set, metrics);
    StringBuilder lines = new StringBuilder();
    eachBatch(
        set,
        batch -> {
          for (RewardModel.Scores pair : scorer.scores(batch)) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("chosen", rounded(pair.chosen(), 2)); // two digits, as LLaMA-Factory's
            line.put("rejected", rounded(pair.rejected(), 2));
            lines.append(JsonFiles.line(line)).append('\n');
          }
        });
    JsonFiles.writeText(file, lines.toString());
    return metrics;
  }

  private void eachBatch(TokenizedDataset set, Consumer<MicroBatch> work) {
    for (int from = 0; from < set.size(); from += batchSize) {
      List<Example> rows = new ArrayList<>();
      int[] numbers = new int[Math.min(set.size() - from, batchSize)];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = from + i;
        rows.add(set.get(from + i));
      }
      work.accept(Collator.collate(rows, numbers));
    }
  }

  /** Sums over the batches of a set. */
  private static final class Total {
    final Map<String, Double> sums = new LinkedHashMap<>();
    double loss;
    int rows; // of batches with something to learn
    int batches;
  }

  private void run(String prefix, TokenizedDataset set, Map<String, Object> metrics) {
    if (prediction.isPresent()) {
      metrics.putAll(prediction.get().run(prefix, set, null));
      return;
    }
    long start = System.nanoTime();
    Total total = new Total();
    eachBatch(
        set,
        batch -> {
          Optional<Objective.Outcome> outcome = objective.evaluate(set, batch);
          outcome.ifPresent(
              o -> {
                total.loss += o.loss() * batch.rows();
                total.rows += batch.rows();
                o.sums().forEach((name, sum) -> total.sums.merge(name, sum, Double::sum));
              });
          total.batches++;
        });
    double seconds = (System.nanoTime() - start) / 1e9;
    double loss = total.loss / total.rows;
    if (total.rows == 0) {
      throw new TrainException(
          prefix
              + ": no labels: expected evaluation rows with labelled tokens, got "
              + set.size()
              + " rows without. Raise cutoff_len or look at the answers in the dataset.");
    }
    if (!Double.isFinite(loss)) {
      throw new TrainException(
          prefix
              + ": expected a finite loss, got "
              + loss
              + ". The weights hold NaN or too large values; lower learning_rate or look at the"
              + " checkpoint.");
    }
    metrics.put(prefix + "_loss", loss);
    metrics.putAll(objective.metrics(total.sums, prefix + "_"));
    metrics.put(prefix + "_runtime", rounded(seconds, 4));
    metrics.put(prefix + "_samples_per_second", rounded(set.size() / seconds, 3));
    metrics.put(prefix + "_steps_per_second", rounded(total.batches / seconds, 3));
  }

  static double rounded(double value, int digits) {
    double unit = Math.pow(10, digits);
    return Math.round(value * unit) / unit;
  }
}
