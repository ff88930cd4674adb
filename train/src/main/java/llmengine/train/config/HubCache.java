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
    return new HubCache(cacheDir.orElseGet(() -> HubSettings.cache(environment)), environment);
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
            List.of(
                key
                    + (looksLikePath(name)
                        ? noSuch(path) + " As the name of a model: "
                        : ": no such folder or file here, nor: ")
                    + e.getMessage()));
      }
    } else if (looksLikePath(name)) {
      throw new ConfigException(List.of(key + noSuch(path)));
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

  /** Whether somebody who writes this means a path rather than a model of the hub. */
  private static boolean looksLikePath(String name) {
    Path path = Path.of(name);
    return path.isAbsolute()
        || name.startsWith(".")
        || name.startsWith("saves/")
        || path.getNameCount() > 1 && Files.exists(path.getName(0));
  }

  private static String noSuch(Path path) {
    return ": no such folder or file: expected one at "
        + path.toAbsolutePath().normalize()
        + ", got none. Correct the path.";
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
    Path snapshot = model.resolve("snapshots").resolve(commit);
    // a ref is written when all files are there; behind a commit there may be a cut download
    boolean whole =
        Files.isRegularFile(ref)
            || Files.exists(snapshot.resolve("config.json"))
            || Files.exists(snapshot.resolve("adapter_config.json"));
    return Optional.of(snapshot).filter(folder -> whole && Files.isDirectory(folder));
  }
}
