package llmengine.train.callback.tracker;

import java.io.IOException;
import java.util.Map;

/**
 * Keeps the course of a run somewhere. Called from one thread, beside training; what it throws is
 * reported once and ends its use, never the run.
 */
public interface Tracker {
  /** The word of {@code report_to}. */
  String name();

  /** The run begins, with the settings given in its configuration. */
  void start(Map<String, String> settings) throws IOException, InterruptedException;

  /** What was logged after a step: loss, learning_rate, eval_loss ... */
  void scalars(long step, Map<String, Double> values) throws IOException, InterruptedException;

  /**
   * The run is over.
   *
   * @param finished false if it was interrupted or failed
   */
  void end(boolean finished) throws IOException, InterruptedException;
}
