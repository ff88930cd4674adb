package llmengine.train.config;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of reference data beside the project, if it is there. */
public final class Shared {

  private Shared() {}

  /** Property or variable ENGINE_SHARED, else the nearest {@code shared} above the module. */
  public static Path folder() {
    String given = System.getProperty("ENGINE_SHARED", System.getenv("ENGINE_SHARED"));
    if (given != null) {
      return Path.of(given);
    }
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve("shared/golden"))) {
        return at.resolve("shared");
      }
    }
    return Path.of("shared");
  }
}
