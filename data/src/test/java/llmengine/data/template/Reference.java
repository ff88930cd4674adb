package llmengine.data.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * Recorded answers of LLaMA-Factory, kept outside the project; tests that need them are skipped
 * without them.
 */
public final class Reference {
  private Reference() {}

  public static JsonNode read(String file) {
    Path path = folder().resolve("reference/llamafactory").resolve(file);
    Assumptions.assumeTrue(
        Files.isReadable(path), () -> "skipped: " + path + " is absent; set ENGINE_SHARED");
    try {
      return new ObjectMapper().readTree(path.toFile());
    } catch (IOException e) {
      throw new AssertionError(path + " can't be read", e);
    }
  }

  private static Path folder() {
    String named = System.getProperty("ENGINE_SHARED", System.getenv("ENGINE_SHARED"));
    if (named != null) {
      return Path.of(named);
    }
    Path base = Path.of("").toAbsolutePath();
    for (Path at = base; at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve("shared"))) {
        return at.resolve("shared");
      }
    }
    return base.resolve("../shared").normalize();
  }
}
