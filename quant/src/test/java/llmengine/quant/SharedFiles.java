package llmengine.quant;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds reference files kept outside the project; tests that need them are skipped without. */
public final class SharedFiles {
  private SharedFiles() {}

  public static Path path(String relative) {
    String given = System.getProperty("engine.shared", System.getenv("ENGINE_SHARED"));
    Path found = given == null ? null : Path.of(given).resolve(relative);
    for (Path at = Path.of("").toAbsolutePath(); given == null && at != null; at = at.getParent()) {
      found = at.resolveSibling("shared").resolve(relative);
      if (Files.exists(found)) {
        break;
      }
    }
    assumeTrue(found != null && Files.exists(found), "no shared/" + relative + ": skipped");
    return found;
  }
}
