package llmengine.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

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
   * place to go.
   */
  static void prepare(Path folder) {
    try {
      Files.createDirectories(folder);
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

  /** Refuses to train over finished results that nothing can be resumed from. */
  static void refuseForeignWeights(Path folder) {
    for (String name : WEIGHTS) {
      if (Files.exists(folder.resolve(name))) {
        throw new TrainException(
            "output_dir: "
                + folder
                + ": expected an empty folder or one with checkpoints, got one"
                + " with "
                + name
                + ". Set overwrite_output_dir: true or choose another output_dir.");
      }
    }
  }

  /** Removes the checkpoints of an earlier run that is not resumed. */
  static void forgetCheckpoints(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      for (Path p : (Iterable<Path>) entries::iterator) {
        if (p.getFileName().toString().matches("checkpoint-\\d+")) {
          llmengine.train.checkpoint.AtomicFolder.delete(p);
        }
      }
    }
  }
}
