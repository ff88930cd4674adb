package llmengine.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import llmengine.cli.Main;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Starts a jar with the launcher and a stand-in program, by this Java and by an older one. */
@DisabledOnOs(OS.WINDOWS)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LaunchTest {
  private static final Path THIS_JAVA = Path.of(System.getProperty("java.home"));

  @TempDir static Path folder;
  private static Path jar;

  @BeforeAll
  static void makeJar() throws Exception {
    jar = folder.resolve("engine.jar");
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, Launcher.class.getName());
    manifest.getMainAttributes().put(Attributes.Name.MULTI_RELEASE, "true");
    manifest.getMainAttributes().putValue("Enable-Native-Access", "ALL-UNNAMED");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file, manifest)) {
      add(out, place(Launcher.class), "");
      add(out, place(Main.class), "llmengine/cli");
    }
  }

  /**
   * This Java, which replaces itself, and where there is one an older Java, which keeps a child.
   */
  static Stream<Path> javas() throws IOException {
    return Stream.concat(Stream.of(THIS_JAVA), olderJava().stream());
  }

  @Test
  void olderJavaIsTriedToo() throws IOException {
    Optional<Path> older = olderJava();
    assumeTrue(older.isPresent(), "no Java before 22 in /usr/lib/jvm: only execv is tested");
    assertThat(older.get().resolve("bin/java")).isExecutable();
  }

  @ParameterizedTest
  @MethodSource("javas")
  void wordsInputAndExitCodePass(Path home) throws Exception {
    Process launcher = start(home, "echo", "a b", "", "k=v");
    try (OutputStream in = launcher.getOutputStream()) {
      in.write("typed\n".getBytes(StandardCharsets.UTF_8));
    }
    BufferedReader out = launcher.inputReader();
    out.readLine();
    assertThat(out.readLine()).isEqualTo("echo|a b||k=v|typed");
    assertThat(launcher.waitFor()).isEqualTo(3);
  }

  @ParameterizedTest
  @MethodSource("javas")
  void interruptedProgramSavesBeforeTheLauncherEnds(Path home) throws Exception {
    for (String signal : List.of("INT", "TERM")) {
      Process launcher = start(home, "wait");
      BufferedReader out = launcher.inputReader();
      out.readLine();
      kill(signal, launcher.pid());
      assertThat(out.readLine()).isEqualTo("saved after " + signal);
      assertThat(launcher.waitFor()).isEqualTo(130);
    }
  }

  @ParameterizedTest
  @MethodSource("javas")
  void killedLauncherLeavesNoOrphan(Path home) throws Exception {
    Process launcher = start(home, "wait");
    long program = Long.parseLong(launcher.inputReader().readLine());
    assertThat(program == launcher.pid()).isEqualTo(home.equals(THIS_JAVA));
    Optional<ProcessHandle> running = ProcessHandle.of(program);
    kill("KILL", launcher.pid());
    assertThat(launcher.waitFor()).isEqualTo(128 + 9);
    assertThat(endsWithin30Seconds(running)).isTrue();
  }

  private static boolean endsWithin30Seconds(Optional<ProcessHandle> process)
      throws ExecutionException, InterruptedException {
    try {
      return process.isEmpty() || !process.get().onExit().get(30, TimeUnit.SECONDS).isAlive();
    } catch (TimeoutException e) {
      return false;
    }
  }

  private static Process start(Path home, String... words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(home.resolve("bin/java").toString());
    command.addAll(List.of("-jar", jar.toString()));
    command.addAll(List.of(words));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("ENGINE_JAVA_HOME", THIS_JAVA.toString());
    builder.redirectError(ProcessBuilder.Redirect.DISCARD); // the JVM's word on incubator modules
    return builder.start();
  }

  private static void kill(String signal, long pid) throws Exception {
    assertThat(new ProcessBuilder("kill", "-" + signal, Long.toString(pid)).start().waitFor())
        .isZero();
  }

  private static Optional<Path> olderJava() throws IOException {
    Path parent = Path.of("/usr/lib/jvm");
    if (!Files.isDirectory(parent)) {
      return Optional.empty();
    }
    try (Stream<Path> homes = Files.list(parent)) {
      return homes.filter(LaunchTest::isOlder).sorted().findFirst();
    }
  }

  private static boolean isOlder(Path home) {
    Properties release = new Properties();
    try (InputStream in = Files.newInputStream(home.resolve("release"))) {
      release.load(in);
    } catch (IOException noInstallation) {
      return false;
    }
    int feature = JavaVersion.feature(release.getProperty("JAVA_VERSION", "").replace("\"", ""));
    return feature >= 8 && feature < 22 && Files.isExecutable(home.resolve("bin/java"));
  }

  /** The folder of compiled classes that a class comes from. */
  private static Path place(Class<?> type) throws URISyntaxException {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static void add(JarOutputStream out, Path classes, String below) throws IOException {
    try (Stream<Path> files = Files.walk(classes.resolve(below))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(file).toString()));
        Files.copy(file, out);
      }
    }
  }
}
