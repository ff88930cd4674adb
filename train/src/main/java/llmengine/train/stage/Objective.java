package llmengine.train.stage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.StepBatch;
import llmengine.data.store.TokenizedDataset;
import llmengine.nn.Parameter;

/**
 * What a training stage minimizes: the loss of a step with its gradients, the loss of evaluation
 * rows, and the figures that are logged with them.
 */
public interface Objective extends AutoCloseable {

  /**
   * A loss and the sums of named quantities, which are added up until a log line is due ({@link
   * #metrics} makes its keys of them).
   */
  record Outcome(double loss, Map<String, Double> sums) {
    static Outcome of(double loss) {
      return new Outcome(loss, Map.of());
    }
  }

  /**
   * How a step is to be computed.
   *
   * @param number the optimizer step, for dropout
   * @param divisor what gradients are divided by beside the mean that the loss is
   * @param checked look at every intermediate value and throw at the first that is not finite
   */
  record Step(int number, double divisor, boolean checked) {}

  /** Adds the gradients of the step's loss to the trained parameters; returns loss and sums. */
  Outcome gradients(StepBatch batch, Step step);

  /**
   * The mean loss of rows of {@code set}, without gradients; empty if nothing of them is learned.
   */
  Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows);

  /**
   * Logged values by key.
   *
   * @param sums of the steps since the last line, or of an evaluation's rows
   * @param prefix of the keys: empty in training, else such as {@code eval_}
   */
  default Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    return Map.of();
  }

  /** Trained parameters beside those that finetuning_type chooses. */
  default List<Parameter> parameters() {
    return List.of();
  }

  /** Logged keys to plot beside losses; an evaluation's without prefix, marked by {@code eval_}. */
  default List<String> plots() {
    return List.of();
  }

  /** Whether e to the power of the evaluation loss means anything. */
  default boolean hasPerplexity() {
    return false;
  }

  /** Files of a checkpoint beside model or adapter. */
  default void save(Path folder) throws IOException {}

  /** Takes over what {@link #save} wrote. */
  default void load(Path folder) {}

  /** What a resumed run must know beside files and step, by name. */
  default Map<String, Double> state() {
    return Map.of();
  }

  /** Goes on from what {@link #state} gave. */
  default void restore(Map<String, Double> state) {}

  @Override
  default void close() {}
}
