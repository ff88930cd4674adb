package llmengine.train.callback;

import java.util.List;
import java.util.Map;
import llmengine.nn.optim.Optimizer;
import llmengine.train.TrainerState;

/** Is told what happens during training. Every method does nothing unless overridden. */
public interface TrainingListener {
  /** An optimizer step was done; {@code tokens} of it went through the model. */
  default void onStep(TrainerState state, double loss, long tokens) {}

  /** A log line is due: loss, grad_norm, learning_rate, epoch. */
  default void onLog(TrainerState state, Map<String, Object> line) {}

  /** An evaluation ended. */
  default void onEvaluate(TrainerState state, Map<String, Object> metrics) {}

  /** A checkpoint is due. */
  default void onSave(TrainerState state, Optimizer optimizer) {}

  /** The last step was done; {@code line} sums the run up. */
  default void onEnd(TrainerState state, Map<String, Object> line) {}

  /** Tells all of them, in order. */
  static TrainingListener all(List<TrainingListener> listeners) {
    return new TrainingListener() {
      @Override
      public void onStep(TrainerState state, double loss, long tokens) {
        listeners.forEach(l -> l.onStep(state, loss, tokens));
      }

      @Override
      public void onLog(TrainerState state, Map<String, Object> line) {
        listeners.forEach(l -> l.onLog(state, line));
      }

      @Override
      public void onEvaluate(TrainerState state, Map<String, Object> metrics) {
        listeners.forEach(l -> l.onEvaluate(state, metrics));
      }

      @Override
      public void onSave(TrainerState state, Optimizer optimizer) {
        listeners.forEach(l -> l.onSave(state, optimizer));
      }

      @Override
      public void onEnd(TrainerState state, Map<String, Object> line) {
        listeners.forEach(l -> l.onEnd(state, line));
      }
    };
  }
}
