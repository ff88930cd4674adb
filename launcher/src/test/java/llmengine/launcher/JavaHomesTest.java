package llmengine.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaHomesTest {
  @TempDir Path folder;

  @Test
  void firstThatIsNewEnoughWins() throws IOException {
    Path old = home("old", "JAVA_VERSION=\"17.0.15\"");
    Path good = home("good", "JAVA_VERSION=\"25.0.3\"");
    Path newer = home("newer", "JAVA_VERSION=\"26\"");
    assertThat(new JavaHomes(List.of(old, good, newer)).firstSuitable())
        .contains(good.resolve("bin/java").toFile());
  }

  @Test
  void trimmedRuntimeWithoutVectorModuleIsPassedOver() throws IOException {
    Path trimmed = home("trimmed", "JAVA_VERSION=\"25\"\nMODULES=\"java.base java.logging\"");
    Path full = home("full", "JAVA_VERSION=\"25\"\nMODULES=\"java.base jdk.incubator.vector\"");
    assertThat(new JavaHomes(List.of(trimmed, full)).firstSuitable())
        .contains(full.resolve("bin/java").toFile());
    assertThat(new JavaHomes(List.of(trimmed)).described("17", "/jdk17"))
        .contains("without the module jdk.incubator.vector");
  }

  @Test
  void homesThatCannotRunArePassedOver() throws IOException {
    Path noProgram = home("noProgram", "JAVA_VERSION=\"25\"");
    Files.delete(noProgram.resolve("bin/java"));
    Path noVersion = home("noVersion", "IMPLEMENTOR=\"x\"");
    Path broken = home("broken", "JAVA_VERSION=\\u00zz");
    assertThat(
            new JavaHomes(List.of(folder.resolve("absent"), noProgram, noVersion, broken))
                .firstSuitable())
        .isEmpty();
  }

  @Test
  void environmentComesBeforeTheRest() throws IOException {
    Path named = home("named", "JAVA_VERSION=\"25.0.3\"");
    Path onPath = home("onPath", "JAVA_VERSION=\"25.0.3\"");
    String path = onPath.resolve("bin").toString();
    assertThat(
            JavaHomes.ofThisMachine(Map.of("ENGINE_JAVA_HOME", named.toString(), "PATH", path))
                .firstSuitable())
        .contains(named.resolve("bin/java").toFile());
    assertThat(JavaHomes.ofThisMachine(Map.of("PATH", path)).firstSuitable())
        .contains(onPath.toRealPath().resolve("bin/java").toFile());
  }

  @Test
  void describesWhatWasFound() throws IOException {
    Path old = home("jdk21", "JAVA_VERSION=\"21.0.4\"");
    assertThat(new JavaHomes(List.of(old)).described("17.0.15", "/usr/lib/jvm/17"))
        .isEqualTo("Java 17.0.15 in /usr/lib/jvm/17, Java 21 in " + old);
  }

  private Path home(String name, String release) throws IOException {
    Path home = Files.createDirectories(folder.resolve(name));
    Files.writeString(home.resolve("release"), release + "\n");
    Files.createDirectories(home.resolve("bin"));
    assertThat(Files.createFile(home.resolve("bin/java")).toFile().setExecutable(true)).isTrue();
    return home;
  }
}
