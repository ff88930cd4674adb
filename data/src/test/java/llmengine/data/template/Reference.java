package llmengine.data.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;

/**
 * Recorded answers of LLaMA-Factory, kept outside the project; tests that need them are skipped
 * without them.
 */
public final class Reference {
  private Reference() {}

  /**
   * The tests that {@code make} finds in a file; one skipped test, so that a report shows it, if
   * the file is absent.
   */
  public static Stream<DynamicTest> tests(String file, Function<JsonNode, List<DynamicTest>> make) {
    return Files.isReadable(path(file))
        ? make.apply(read(file)).stream()
        : Stream.of(DynamicTest.dynamicTest(file, () -> read(file)));
  }

  public static JsonNode read(String file) {
    Path path = path(file);
    Assumptions.assumeTrue(
        Files.isReadable(path), () -> "skipped: " + path + " is absent; set ENGINE_SHARED");
    try {
      return new ObjectMapper().readTree(path.toFile());
    } catch (IOException e) {
      throw new AssertionError(path + " can't be read", e);
    }
  }

  private static Path path(String file) {
    return folder().resolve("reference/llamafactory").resolve(file);
  }

  /** The folder of what is kept outside the project; it may be absent. */
  public static Path folder() {
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
