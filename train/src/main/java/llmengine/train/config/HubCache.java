package llmengine.train.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The local cache of Hugging Face's hub: {@code models--OWNER--NAME/refs/REVISION} holds a commit,
 * {@code snapshots/COMMIT} the files. Nothing is downloaded.
 */
record HubCache(Path folder) {

  /** The cache that {@code cache_dir} or the variables HF_HUB_CACHE and HF_HOME name. */
  static HubCache of(Optional<Path> cacheDir, Map<String, String> environment) {
    if (cacheDir.isPresent()) {
      return new HubCache(cacheDir.get());
    } else if (environment.containsKey("HF_HUB_CACHE")) {
      return new HubCache(Path.of(environment.get("HF_HUB_CACHE")));
    } else if (environment.containsKey("HF_HOME")) {
      return new HubCache(Path.of(environment.get("HF_HOME"), "hub"));
    }
    return new HubCache(Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub"));
  }

  /** The file or folder of that name, else the snapshot of that model in the cache. */
  Path find(String key, String name, String revision) {
    Path path = Path.of(name);
    if (Files.exists(path)) {
      return path;
    }
    if (name.matches("[\\w.-]+(/[\\w.-]+)?")) {
      Optional<Path> snapshot = snapshot(name, revision);
      if (snapshot.isPresent()) {
        return snapshot.get();
      }
    }
    throw new ConfigException(
        List.of(
            key
                + ": not found: expected a folder, a file or a model in the cache "
                + folder
                + " (revision "
                + revision
                + "), got "
                + name
                + ". Correct the path, or download the model there first: nothing is downloaded"
                + " here."));
  }

  private Optional<Path> snapshot(String name, String revision) {
    Path model = folder.resolve("models--" + name.replace("/", "--"));
    Path ref = model.resolve("refs").resolve(revision);
    String commit = revision;
    try {
      if (Files.isRegularFile(ref)) {
        commit = Files.readString(ref).strip();
      }
    } catch (IOException e) {
      throw new ConfigException(
          List.of(ref + ": not readable: expected a commit, got " + e + ". Repair the cache."));
    }
    return Optional.of(model.resolve("snapshots").resolve(commit)).filter(Files::isDirectory);
  }
}
