package llmengine.train.callback;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import llmengine.train.TrainException;
import llmengine.train.TrainerState;
import llmengine.train.checkpoint.JsonFiles;

/**
 * {@code trainer_log.jsonl}: a line for each log, evaluation and the end, as LLaMA-Factory writes
 * it.
 */
public final class TrainerLog implements TrainingListener {
  private static final Pattern STEP = Pattern.compile("\"current_steps\":(\\d+)");

  private final Path file;
  private final int startStep;
  private final long start = System.nanoTime();

  /**
   * Goes on with the file of an earlier process, without the lines of steps that are done again.
   *
   * @param startStep steps done by that process, which the estimate of the remaining time leaves
   *     out; 0 starts a new file
   */
  public TrainerLog(Path file, int startStep) {
    this.file = file;
    this.startStep = startStep;
    try {
      if (startStep == 0) {
        Files.deleteIfExists(file);
      } else if (Files.exists(file)) {
        try (Stream<String> lines = Files.lines(file)) {
          JsonFiles.writeText(
              file, lines.filter(this::stays).map(l -> l + "\n").collect(Collectors.joining()));
        }
      }
    } catch (IOException | UncheckedIOException e) {
      throw new TrainException(
          file
              + ": can't be replaced: expected room and permission, got: "
              + e.getMessage()
              + ". Remove the file or choose another output_dir.",
          e);
    }
  }

  /**
   * Whether a line is whole (a killed process may leave a part) and of a step that is not done
   * again.
   */
  private boolean stays(String line) {
    Matcher m = STEP.matcher(line);
    return line.endsWith("}") && m.find() && Integer.parseInt(m.group(1)) <= startStep;
  }

  @Override
  public void onLog(TrainerState state, Map<String, Object> line) {
    write(state, "loss", line.get("loss"), line);
  }

  @Override
  public void onEvaluate(TrainerState state, Map<String, Object> metrics) {
    write(state, "eval_loss", metrics.get("eval_loss"), Map.of());
  }

  @Override
  public void onEnd(TrainerState state, Map<String, Object> line) {
    write(state, "loss", null, Map.of());
  }

  private void write(TrainerState state, String lossName, Object loss, Map<String, Object> line) {
    double elapsed = (System.nanoTime() - start) / 1e9;
    int done = state.step() - startStep;
    double remaining =
        done <= 0 ? 0 : elapsed / done * Math.max(0, state.totalSteps() - state.step());
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("current_steps", state.step());
    entry.put("total_steps", state.totalSteps());
    putIfThere(entry, lossName, loss);
    putIfThere(entry, "accuracy", line.get("rewards/accuracies"));
    putIfThere(entry, "lr", line.get("learning_rate"));
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

  private static void putIfThere(Map<String, Object> entry, String key, Object value) {
    if (value != null) {
      entry.put(key, value);
    }
  }
}
