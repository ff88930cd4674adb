package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class MainTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void versionIsTheOneOfTheBuild() {
    assertThat(run("version")).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).matches("(?s)LLM Engine \\d+\\.\\d+\\.\\d+.*Java \\d+.*");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void helpNamesEveryCommand() {
    assertThat(run("help")).isEqualTo(ExitCode.OK);
    assertThat(out.toString())
        .contains(
            "train",
            "chat",
            "export",
            "plan",
            "bench",
            "doctor",
            "version",
            "--debug",
            "Exit codes");
  }

  @Test
  void helpOfACommand() {
    assertThat(run("help", "doctor")).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("engine doctor", "what this machine offers");
    out.getBuffer().setLength(0);
    assertThat(run("doctor", "--help")).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("engine doctor");
  }

  @Test
  void noCommandIsWrongUsage() {
    assertThat(run()).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString())
        .isEqualToIgnoringNewLines("engine: no command given. See: engine help");
  }

  @Test
  void mistypedCommandSuggestsTheNearest() {
    assertThat(run("docotr")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("got docotr. Did you mean doctor?").doesNotContain("\tat ");
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void unknownOptionAndSurplusWordAreNamed() {
    assertThat(run("version", "--debgu")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("got --debgu. Did you mean --debug?");
    assertThat(run("version", "now")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("got now. See: engine help version");
  }

  @Test
  void stackTraceOnlyWhenAskedFor() {
    assertThat(run("--debug", "nonsense")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("\tat picocli.");
  }

  private int run(String... words) {
    return Main.run(new PrintWriter(out), new PrintWriter(err), words);
  }
}
