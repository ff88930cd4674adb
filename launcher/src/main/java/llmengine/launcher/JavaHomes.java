package llmengine.launcher;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;

/**
 * The Java installations of a machine, best guess first: those that the environment names, the one
 * on the PATH, then the folders where packages, installers and version managers put them. An
 * installation is read by its {@code release} file, without starting it.
 */
final class JavaHomes {
  static final int NEEDED = 25;

  private static final String VECTOR = "jdk.incubator.vector";
  private static final String[] PROGRAMS = {"bin/java", "bin/java.exe"};

  private final List<Path> homes;

  JavaHomes(List<Path> homes) {
    this.homes = homes;
  }

  static JavaHomes ofThisMachine(Map<String, String> environment) {
    Set<Path> homes = new LinkedHashSet<>();
    for (String variable : new String[] {"ENGINE_JAVA_HOME", "JAVA_HOME"}) {
      String home = environment.get(variable);
      if (home != null && !home.isEmpty()) {
        homes.add(Paths.get(home));
      }
    }
    homes.addAll(onPath(environment.getOrDefault("PATH", "")));
    String user = System.getProperty("user.home");
    for (String parent :
        new String[] {
          "/usr/lib/jvm",
          "/usr/lib64/jvm",
          "/usr/java",
          "/usr/local",
          "/opt",
          "/opt/java",
          "/Library/Java/JavaVirtualMachines",
          "/opt/homebrew/opt",
          user + "/Library/Java/JavaVirtualMachines",
          user + "/.sdkman/candidates/java",
          user + "/.jdks",
          user + "/.gradle/jdks",
          user + "/.jabba/jdk",
          user + "/.asdf/installs/java",
          user + "/.local/share/mise/installs/java",
          "C:\\Program Files\\Java",
          "C:\\Program Files\\Eclipse Adoptium",
          "C:\\Program Files\\Microsoft",
          "C:\\Program Files\\Zulu"
        }) {
      homes.addAll(inside(new File(parent)));
    }
    return new JavaHomes(new ArrayList<>(homes));
  }

  /** The {@code java} program of the first home that is new enough and has the vector module. */
  Optional<File> firstSuitable() {
    for (Path home : homes) {
      Properties release = release(home);
      if (feature(release) >= NEEDED && hasVectorModule(release)) {
        for (String program : PROGRAMS) {
          if (Files.isExecutable(home.resolve(program))) {
            return Optional.of(home.resolve(program).toFile());
          }
        }
      }
    }
    return Optional.empty();
  }

  /** What a user reads when none is suitable: the running Java and the others, with folders. */
  String described(String runningVersion, String runningHome) {
    StringBuilder text = new StringBuilder();
    text.append("Java ").append(runningVersion).append(" in ").append(runningHome);
    Set<String> seen = new LinkedHashSet<>();
    seen.add(runningHome);
    for (Path home : homes) {
      Properties release = release(home);
      int feature = feature(release);
      if (feature > 0 && seen.add(real(home).toString())) {
        text.append(", Java ").append(feature).append(" in ").append(home);
        if (feature >= NEEDED && !hasVectorModule(release)) {
          text.append(" (without the module ").append(VECTOR).append(")");
        }
      }
    }
    return text.toString();
  }

  private static List<Path> onPath(String path) {
    List<Path> homes = new ArrayList<>();
    for (String folder : path.split(File.pathSeparator)) {
      File java = new File(folder, "java");
      if (!folder.isEmpty() && java.isFile()) {
        Path bin = real(java.toPath()).getParent();
        if (bin != null && bin.getParent() != null) {
          homes.add(bin.getParent());
        }
      }
    }
    return homes;
  }

  private static List<Path> inside(File parent) {
    List<Path> homes = new ArrayList<>();
    File[] found = parent.listFiles(File::isDirectory);
    if (found != null) {
      Arrays.sort(found);
      for (File folder : found) {
        homes.add(folder.toPath());
        homes.add(folder.toPath().resolve("Contents/Home")); // macOS bundle
        homes.add(folder.toPath().resolve("libexec/openjdk.jdk/Contents/Home")); // Homebrew
      }
    }
    return homes;
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException gone) {
      return path;
    }
  }

  /** The release file of a home; empty where there is none that can be read. */
  private static Properties release(Path home) {
    Properties release = new Properties();
    Path file = home.resolve("release");
    if (Files.isRegularFile(file)) {
      try (InputStream in = Files.newInputStream(file)) {
        release.load(in);
      } catch (IOException | IllegalArgumentException unreadable) {
        release.clear(); // not an installation we can use
      }
    }
    return release;
  }

  private static int feature(Properties release) {
    return JavaVersion.feature(release.getProperty("JAVA_VERSION", "").replace("\"", ""));
  }

  /** Full JDKs may leave the list of modules out; a trimmed runtime always has it. */
  private static boolean hasVectorModule(Properties release) {
    String modules = release.getProperty("MODULES");
    return modules == null
        || Arrays.asList(modules.replace("\"", "").split("\\s+")).contains(VECTOR);
  }
}
