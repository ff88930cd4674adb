package llmengine.train.callback;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import llmengine.train.TrainException;
import llmengine.train.TrainerState;
import llmengine.train.checkpoint.JsonFiles;

/**
 * {@code trainer_log.jsonl}: a line for each log, evaluation and the end, as LLaMA-Factory writes
 * it.
 */
public final class TrainerLog implements TrainingListener {
  private final Path file;
  private final int startStep;
  private final long start = System.nanoTime();

  /**
   * @param startStep steps done by an earlier process, which the estimate of the remaining time
   *     leaves out
   * @param fresh whether to forget an older file
   */
  public TrainerLog(Path file, int startStep, boolean fresh) {
    this.file = file;
    this.startStep = startStep;
    try {
      if (fresh) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new TrainException(file + ": can't be replaced: " + e.getMessage(), e);
    }
  }

  @Override
  public void onLog(TrainerState state, Map<String, Object> line) {
    write(state, "loss", line.get("loss"), line.get("learning_rate"));
  }

  @Override
  public void onEvaluate(TrainerState state, Map<String, Object> metrics) {
    write(state, "eval_loss", metrics.get("eval_loss"), null);
  }

  @Override
  public void onEnd(TrainerState state, Map<String, Object> line) {
    write(state, "loss", null, null);
  }

  private void write(TrainerState state, String lossName, Object loss, Object learningRate) {
    double elapsed = (System.nanoTime() - start) / 1e9;
    int done = state.step() - startStep;
    double remaining =
        done <= 0 ? 0 : elapsed / done * Math.max(0, state.totalSteps() - state.step());
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("current_steps", state.step());
    entry.put("total_steps", state.totalSteps());
    if (loss != null) {
      entry.put(lossName, loss);
    }
    if (learningRate != null) {
      entry.put("lr", learningRate);
    }
    entry.put("epoch", state.epoch());
    double share = state.totalSteps() == 0 ? 100 : 100.0 * state.step() / state.totalSteps();
    entry.put("percentage", Math.round(share * 100) / 100.0);
    entry.put("elapsed_time", Durations.clock(elapsed));
    entry.put("remaining_time", Durations.clock(remaining));
    try {
      Files.writeString(
          file, JsonFiles.line(entry) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new TrainException(
          file + ": can't be written: expected room and permission, got: " + e.getMessage(), e);
    }
  }
}
