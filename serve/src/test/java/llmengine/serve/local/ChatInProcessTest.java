package llmengine.serve.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The example of the documentation, in a JVM of its own. */
@Timeout(120)
class ChatInProcessTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final List<String> FLAGS =
      List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");

  private static String run(List<String> flags) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.add("-XX:TieredStopAtLevel=1");
    words.addAll(flags);
    words.addAll(List.of("-cp", classPath(), "examples/ChatInProcess.java"));
    Process process =
        new ProcessBuilder(words).directory(ROOT.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  /** Of this test, absolute: the example runs in another folder. */
  private static String classPath() {
    List<String> parts = new ArrayList<>();
    // Surefire's own java.class.path is a jar that names the others
    String whole =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    for (String part : whole.split(File.pathSeparator)) {
      parts.add(Path.of(part).toAbsolutePath().toString());
    }
    return String.join(File.pathSeparator, parts);
  }

  @Test
  void printsWhatTheDocumentationShows() throws Exception {
    String output = run(FLAGS);
    String shown = "I live in a computer.\n7 tokens, STOP\n";
    assertThat(output).endsWith(shown);
    String documented = Files.readString(ROOT.resolve("docs/java-api.md"));
    assertThat(documented).contains(shown.indent(4).stripTrailing());
    String program = Files.readString(ROOT.resolve("examples/ChatInProcess.java"));
    assertThat(documented).contains(program.substring(program.indexOf("void main")));
  }

  @Test
  void withoutTheVectorModuleTheErrorQuotesTheFlags() throws Exception {
    String output = run(List.of());
    assertThat(output).contains("DeviceException: LocalModel: no Vector API");
    assertThat(output).contains(String.join(" ", FLAGS));
    assertThat(output).doesNotContain("NoClassDefFoundError");
  }
}
