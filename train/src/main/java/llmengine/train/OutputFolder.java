package llmengine.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import llmengine.train.checkpoint.AtomicFolder;
import llmengine.train.config.ConfigException;

/** The folder of a run's results. */
final class OutputFolder {
  private static final List<String> WEIGHTS =
      List.of(
          "model.safetensors",
          "model.safetensors.index.json",
          "adapter_model.safetensors",
          "pytorch_model.bin",
          "adapter_model.bin");

  private OutputFolder() {}

  /**
   * Makes the folder and tries to write into it, so that hours of training don't end without a
   * place to go. Half checkpoints that a killed process left under their temporary names go.
   */
  static void prepare(Path folder) {
    try {
      Files.createDirectories(folder);
      deleteMatching(folder, "\\.checkpoint-\\d+\\.(tmp|old)");
      Path probe = Files.createTempFile(folder, ".writable", null);
      Files.delete(probe);
    } catch (IOException e) {
      throw new TrainException(
          "output_dir: "
              + folder
              + ": expected a folder that can be written, got: "
              + e
              + ". Choose another output_dir.",
          e);
    }
  }

  /** Refuses to train over finished results, and over checkpoints, that are not resumed. */
  static void refuseForeignWeights(Path folder) {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> entries = Files.list(folder)) {
        entries
            .filter(p -> p.getFileName().toString().matches("checkpoint-\\d+"))
            .sorted()
            .findFirst()
            .ifPresent(p -> refuse(folder, p.getFileName().toString()));
      } catch (IOException e) {
        throw new TrainException(
            "output_dir: "
                + folder
                + ": can't be listed: expected a readable folder, got: "
                + e
                + ". Choose another output_dir.",
            e);
      }
    }
    for (String name : WEIGHTS) {
      if (Files.exists(folder.resolve(name))) {
        refuse(folder, name);
      }
    }
  }

  private static void refuse(Path folder, String name) {
    throw new ConfigException(
        List.of(
            "output_dir: "
                + folder
                + ": expected an empty folder or one with checkpoints to resume,"
                + " got one with "
                + name
                + ". Set overwrite_output_dir: true or choose another output_dir."));
  }

  /** Removes the checkpoints of an earlier run that is not resumed. */
  static void forgetCheckpoints(Path folder) throws IOException {
    deleteMatching(folder, "checkpoint-\\d+");
  }

  private static void deleteMatching(Path folder, String pattern) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      for (Path p : (Iterable<Path>) entries::iterator) {
        if (p.getFileName().toString().matches(pattern)) {
          AtomicFolder.delete(p);
        }
      }
    }
  }
}
