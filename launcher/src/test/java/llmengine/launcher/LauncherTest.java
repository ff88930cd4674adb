package llmengine.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LauncherTest {
  private static final File JAVA = new File("/jdk/bin/java");

  @Test
  void usersFlagsComeAfterOursAndSoWin() {
    List<String> command =
        Launcher.command(
            JAVA, null, "e.jar", Map.of("ENGINE_JAVA_OPTS", " -Xmx8g  -Da=b "), args());
    assertThat(command)
        .startsWith("/jdk/bin/java")
        .endsWith("-cp", "e.jar", Launcher.class.getName());
    assertThat(command.indexOf("-Xmx8g")).isGreaterThan(command.indexOf("-Xmx2g"));
    assertThat(command).contains("-Da=b", "--add-modules=jdk.incubator.vector");
  }

  @Test
  void argumentsArePassedAsTheyAre() {
    assertThat(Launcher.command(JAVA, null, "e.jar", Map.of(), args("train", "a b", "", "k=v")))
        .endsWith("train", "a b", "", "k=v");
  }

  @Test
  void onlyAChildIsToldItsParent() {
    assertThat(Launcher.command(JAVA, null, "e.jar", Map.of(), args()))
        .noneMatch(word -> word.contains(Launcher.PARENT));
    assertThat(Launcher.command(JAVA, "42", "e.jar", Map.of(), args()))
        .contains("-Dllmengine.parent=42");
  }

  private static String[] args(String... args) {
    return args;
  }
}
