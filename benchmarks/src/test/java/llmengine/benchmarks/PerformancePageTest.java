package llmengine.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** docs/performance.md is what benchmarks/run.py makes of benchmarks/results. */
class PerformancePageTest {
  @TempDir Path folder;

  @Test
  void pageSaysWhatTheResultsSay() throws IOException, InterruptedException {
    Process check;
    try {
      check =
          new ProcessBuilder("python3", "run.py", "--check-docs")
              .redirectErrorStream(true)
              .redirectOutput(folder.resolve("said").toFile())
              .start();
    } catch (IOException absent) {
      Assumptions.abort("no python3 on the PATH, which makes docs/performance.md: not compared");
      return;
    }
    assertThat(check.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(check.exitValue())
        .as(Files.readString(folder.resolve("said"), StandardCharsets.UTF_8))
        .isZero();
  }
}
