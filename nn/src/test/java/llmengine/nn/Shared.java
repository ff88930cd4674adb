package llmengine.nn;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * Reference data that lies beside the project on some machines; tests that need it are skipped
 * elsewhere.
 */
public final class Shared {
  private Shared() {}

  /**
   * A file or folder under the shared folder (ENGINE_SHARED, else {@code shared} beside the
   * project).
   */
  public static Path path(String relative) {
    String home = System.getenv("ENGINE_SHARED");
    Path at = Path.of("").toAbsolutePath();
    while (home == null && at != null) {
      if (Files.isDirectory(at.resolve("shared/golden"))) {
        home = at.resolve("shared").toString();
      }
      at = at.getParent();
    }
    Path found = home == null ? null : Path.of(home, relative);
    Assumptions.assumeTrue(
        found != null && Files.exists(found),
        () -> "skipped: no reference data " + relative + " (set ENGINE_SHARED)");
    return found;
  }

  public static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }
}
