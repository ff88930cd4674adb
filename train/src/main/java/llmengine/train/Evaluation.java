package llmengine.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.Collator;
import llmengine.data.batch.MicroBatch;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.train.stage.CausalLm;

/**
 * Evaluation loss as the Hugging Face Trainer reports it: the mean over rows of their batch's mean
 * token loss.
 */
final class Evaluation {
  private final CausalLm objective;
  private final Map<String, TokenizedDataset> sets;
  private final int batchSize;
  private final Optional<Prediction> prediction;

  /**
   * @param sets by dataset name; the only set has an empty name unless each is evaluated by itself
   * @param prediction present to compare generated answers instead
   */
  Evaluation(
      CausalLm objective,
      Map<String, TokenizedDataset> sets,
      int batchSize,
      Optional<Prediction> prediction) {
    this.objective = objective;
    this.sets = sets;
    this.batchSize = batchSize;
    this.prediction = prediction;
  }

  boolean hasData() {
    return !sets.isEmpty();
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

  private void run(String prefix, TokenizedDataset set, Map<String, Object> metrics) {
    if (prediction.isPresent()) {
      metrics.putAll(prediction.get().run(prefix, set, null));
      return;
    }
    long start = System.nanoTime();
    double sum = 0;
    int batches = 0;
    int labelled = 0; // rows of batches with labels
    for (int from = 0; from < set.size(); from += batchSize) {
      List<Example> rows = new ArrayList<>();
      for (int i = from; i < Math.min(set.size(), from + batchSize); i++) {
        rows.add(set.get(i));
      }
      MicroBatch batch = Collator.collate(rows);
      if (batch.targets().length > 0) {
        sum += objective.loss(batch) / batch.targets().length * rows.size();
        labelled += rows.size();
      }
      batches++;
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    double loss = sum / labelled;
    if (labelled == 0) {
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
    metrics.put(prefix + "_runtime", rounded(seconds, 4));
    metrics.put(prefix + "_samples_per_second", rounded(set.size() / seconds, 3));
    metrics.put(prefix + "_steps_per_second", rounded(batches / seconds, 3));
  }

  static double rounded(double value, int digits) {
    double unit = Math.pow(10, digits);
    return Math.round(value * unit) / unit;
  }
}
