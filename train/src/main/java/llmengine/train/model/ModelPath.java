package llmengine.train.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import llmengine.train.TrainException;
import llmengine.train.config.ModelArguments;

/** Where a model or adapter lies: a path, or a hub name in the local Hugging Face cache. Nothing is downloaded. */
public final class ModelPath {
  private ModelPath() {}

  /**
   * @param name as configured
   * @throws TrainException if there is neither such a path nor such a name in the cache
   */
  public static Path resolve(String key, String name, ModelArguments arguments) {
    Path path = Path.of(name);
    if (Files.exists(path)) {
      return path;
    }
    Path hub = arguments.cacheDir().orElseGet(ModelPath::hub);
    Path repository = hub.resolve("models--" + name.replace("/", "--"));
    Optional<Path> cached = snapshot(repository, arguments.modelRevision());
    return cached.orElseThrow(
        () ->
            new TrainException(
                key
                    + ": not found: expected a folder, a .gguf file or a name in the Hugging Face"
                    + " cache "
                    + hub
                    + ", got "
                    + name
                    + ". Download the checkpoint and give its folder."));
  }

  private static Path hub() {
    String cache = System.getenv("HF_HUB_CACHE");
    if (cache != null && !cache.isBlank()) {
      return Path.of(cache);
    }
    String home = System.getenv("HF_HOME");
    Path base =
        home == null || home.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache", "huggingface")
            : Path.of(home);
    return base.resolve("hub");
  }

  /** Layout of the cache: refs/REVISION holds a commit, snapshots/COMMIT the files. */
  private static Optional<Path> snapshot(Path repository, String revision) {
    Path direct = repository.resolve("snapshots").resolve(revision);
    if (Files.isDirectory(direct)) {
      return Optional.of(direct);
    }
    Path ref = repository.resolve("refs").resolve(revision);
    if (!Files.isRegularFile(ref)) {
      return Optional.empty();
    }
    try {
      Path at = repository.resolve("snapshots").resolve(Files.readString(ref).strip());
      return Files.isDirectory(at) ? Optional.of(at) : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(ref + ": can't be read", e);
    }
  }
}
