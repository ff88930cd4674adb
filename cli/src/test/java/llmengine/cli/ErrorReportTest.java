package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class ErrorReportTest {
  private static final class OwnException extends RuntimeException {
    OwnException(String message) {
      super(message);
    }
  }

  private final StringWriter err = new StringWriter();

  @Test
  void ownErrorsAreTheirMessage() {
    assertThat(print(new OwnException("matmul: inner sizes differ: 896 != 1024."), false))
        .isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString())
        .isEqualToIgnoringNewLines("engine: matmul: inner sizes differ: 896 != 1024.");
  }

  @Test
  void filesAreNamedWithTheReason() {
    print(new UncheckedIOException(new NoSuchFileException("a.yaml")), false);
    print(new UncheckedIOException(new AccessDeniedException("b.yaml")), false);
    print(new IOException("No space left on device"), false);
    assertThat(err.toString().lines())
        .containsExactly(
            "engine: a.yaml: no such file or directory.",
            "engine: b.yaml: no permission to read or write it.",
            "engine: No space left on device");
  }

  @Test
  void defectsSayThatTheyAreOnes() {
    assertThat(print(new NullPointerException(), false)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString())
        .contains("unexpected error: java.lang.NullPointerException", "--debug")
        .doesNotContain("\tat ");
  }

  @Test
  void debugPrintsTheTrace() {
    print(new OwnException("x"), true);
    assertThat(err.toString()).contains("\tat llmengine.cli.ErrorReportTest");
  }

  @Test
  void interruptionHasItsCode() {
    assertThat(print(new InterruptedException("stopped"), false)).isEqualTo(ExitCode.INTERRUPTED);
  }

  private int print(Throwable thrown, boolean debug) {
    return ErrorReport.print(thrown, new PrintWriter(err, true), debug);
  }
}
