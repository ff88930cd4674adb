package llmengine.train.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import llmengine.nn.optim.Optimizer;
import llmengine.train.TrainException;
import llmengine.train.TrainerState;
import llmengine.train.callback.TrainingListener;
import llmengine.train.config.RunConfig;

/**
 * The {@code checkpoint-N} folders of a run: weights or adapter, tokenizer, {@code
 * trainer_state.json} and {@code optimizer.safetensors}. A checkpoint appears under its name only
 * when it is complete; with save_total_limit the oldest go, but never the best one that
 * load_best_model_at_end needs, nor the newest.
 */
public final class Checkpoints implements TrainingListener {
  public static final String STATE = "trainer_state.json";
  public static final String OPTIMIZER = "optimizer.safetensors";
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d+)");

  /** Writes the trained weights (and the tokenizer) into a folder. */
  @FunctionalInterface
  public interface WeightSaver {
    void save(Path folder) throws IOException;
  }

  private final Path folder;
  private final RunConfig config;
  private final WeightSaver weights;

  public Checkpoints(Path folder, RunConfig config, WeightSaver weights) {
    this.folder = folder;
    this.config = config;
    this.weights = weights;
  }

  @Override
  public void onSave(TrainerState state, Optimizer optimizer) {
    Path target = folder.resolve("checkpoint-" + state.step());
    if (state.bestAt(state.step())) {
      state.bestCheckpoint(target);
    }
    AtomicFolder.write(
        target,
        temporary -> {
          weights.save(temporary);
          if (!config.checkpoint().saveOnlyModel()) {
            optimizer.save(temporary.resolve(OPTIMIZER));
          }
          writeState(temporary.resolve(STATE), state);
        });
    rotate(state);
  }

  /** Writes {@code trainer_state.json}. */
  public void writeState(Path file, TrainerState state) throws IOException {
    int total = state.totalSteps();
    TrainerState.Steps steps =
        new TrainerState.Steps(
            config.logging().loggingSteps().of(total),
            config.evalSteps().of(total),
            config.checkpoint().saveSteps().of(total),
            (int) Math.ceil(config.training().numTrainEpochs()));
    JsonFiles.write(file, state.toJson(config.training().perDeviceTrainBatchSize(), steps), 2);
  }

  /** Checkpoints in a folder, oldest step first. */
  public static List<Path> in(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return new ArrayList<>(
          entries
              .filter(p -> NAME.matcher(p.getFileName().toString()).matches())
              .filter(p -> Files.isRegularFile(p.resolve(STATE)))
              .sorted(Comparator.comparingInt(Checkpoints::step))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(folder + ": can't be listed: " + e.getMessage(), e);
    }
  }

  /** The checkpoint with the most steps. */
  public static Optional<Path> newest(Path folder) {
    List<Path> all = in(folder);
    return all.isEmpty() ? Optional.empty() : Optional.of(all.getLast());
  }

  private static int step(Path checkpoint) {
    Matcher m = NAME.matcher(checkpoint.getFileName().toString());
    return m.matches() ? Integer.parseInt(m.group(1)) : -1;
  }

  private void rotate(TrainerState state) {
    if (config.checkpoint().saveTotalLimit().isEmpty()) {
      return;
    }
    List<Path> all = in(folder);
    Path newest = folder.resolve("checkpoint-" + state.step());
    String best = config.evaluation().loadBestModelAtEnd() ? state.bestCheckpoint().orElse("") : "";
    int surplus = all.size() - config.checkpoint().saveTotalLimit().get();
    for (Path old : all) {
      if (surplus <= 0) {
        return;
      }
      if (old.equals(newest) || old.toString().equals(best)) {
        continue;
      }
      try {
        AtomicFolder.delete(old);
      } catch (IOException e) {
        throw new TrainException(
            old + ": can't be deleted for save_total_limit: " + e.getMessage() + ".", e);
      }
      surplus--;
    }
  }
}
