package llmengine.train.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.DataException;
import llmengine.data.hub.Hub;
import llmengine.data.hub.HubSettings;

/**
 * The local cache of Hugging Face's hub: {@code models--OWNER--NAME/refs/REVISION} holds a commit,
 * {@code snapshots/COMMIT} the files.
 */
record HubCache(Path folder, Map<String, String> environment) {

  /** The cache that {@code cache_dir} or the variables HF_HUB_CACHE and HF_HOME name. */
  static HubCache of(Optional<Path> cacheDir, Map<String, String> environment) {
    if (cacheDir.isPresent()) {
      return new HubCache(cacheDir.get(), environment);
    } else if (environment.containsKey("HF_HUB_CACHE")) {
      return new HubCache(Path.of(environment.get("HF_HUB_CACHE")), environment);
    } else if (environment.containsKey("HF_HOME")) {
      return new HubCache(Path.of(environment.get("HF_HOME"), "hub"), environment);
    }
    return new HubCache(
        Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub"), environment);
  }

  /**
   * The file or folder of that name, else the snapshot of that model in the cache, downloaded if it
   * isn't there.
   */
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
    if (name.matches("[\\w-][\\w.-]*/[\\w-][\\w.-]*")) {
      try {
        HubSettings settings = HubSettings.of(environment, Optional.of(folder));
        return new Hub(settings, System.err::println).model(name, revision);
      } catch (DataException e) {
        throw new ConfigException(
            List.of(key + ": no such folder or file here, nor: " + e.getMessage()));
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
                + ". Correct the path; a model to be downloaded is named org/name."));
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
