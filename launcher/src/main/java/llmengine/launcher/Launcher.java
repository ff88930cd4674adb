package llmengine.launcher;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Entry point of engine.jar, in Java 8 bytecode so that any {@code java} can start it. It runs the
 * program in place when this JVM has what the program needs; otherwise it starts it with an
 * installed Java 25 or newer and the flags below, as the same process where the platform can (POSIX
 * execv, from Java 22 on), else as a child whose exit code and signals it passes on. Without such a
 * Java it says so in one sentence and exits with 2.
 *
 * <p>The environment: {@code ENGINE_JAVA_HOME} names the Java to use, {@code ENGINE_JAVA_OPTS} adds
 * JVM flags, which win over the defaults.
 */
public final class Launcher {
  /** Set for a program that runs as a child: the process id to outlive not. */
  static final String PARENT = "llmengine.parent";

  private static final String PROGRAM = "llmengine.cli.Main";
  private static final int USAGE = 2;

  static final List<String> FLAGS =
      Arrays.asList(
          "--add-modules=jdk.incubator.vector",
          "--enable-native-access=ALL-UNNAMED",
          // tensors live off-heap: the heap holds text, token ids and bookkeeping
          "-Xms64m",
          "-Xmx2g",
          // no barriers or concurrent threads beside the compute threads, and datasets are
          // tokenized
          // on all cores, which a serial collector would hold up
          "-XX:+UseParallelGC",
          "-XX:+ExitOnOutOfMemoryError",
          "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
          "-Djava.awt.headless=true",
          "-Dfile.encoding=UTF-8");

  private Launcher() {}

  /**
   * Starts the program with these arguments.
   *
   * @throws Throwable whatever the program throws when it runs in place
   */
  public static void main(String[] args) throws Throwable {
    int here = JavaVersion.feature(System.getProperty("java.version"));
    if (here >= JavaHomes.NEEDED && hasVectorModule()) {
      runHere(args);
      return;
    }
    JavaHomes homes = JavaHomes.ofThisMachine(System.getenv());
    Optional<File> java = homes.firstSuitable();
    if (!java.isPresent()) {
      System.err.println(
          "engine: no suitable Java: expected a JDK "
              + JavaHomes.NEEDED
              + " or newer, got "
              + homes.described(System.getProperty("java.version"), System.getProperty("java.home"))
              + ". Install one (for example Temurin 25) or set ENGINE_JAVA_HOME to its folder.");
      System.exit(USAGE);
    }
    String jar = System.getProperty("java.class.path");
    SameProcess.replaceBy(command(java.get(), null, jar, System.getenv(), args));
    System.exit(runChild(command(java.get(), ownPid(), jar, System.getenv(), args)));
  }

  /** The command line of the program; {@code parent} is null when it replaces this process. */
  static List<String> command(
      File java, String parent, String classPath, Map<String, String> environment, String[] args) {
    List<String> command = new ArrayList<>();
    command.add(java.getPath());
    command.addAll(FLAGS);
    if (parent != null) {
      command.add("-D" + PARENT + "=" + parent);
    }
    String extra = environment.getOrDefault("ENGINE_JAVA_OPTS", "").trim();
    if (!extra.isEmpty()) {
      command.addAll(Arrays.asList(extra.split("\\s+")));
    }
    command.add("-cp");
    command.add(classPath);
    command.add(Launcher.class.getName());
    command.addAll(Arrays.asList(args));
    return command;
  }

  private static void runHere(String[] args) throws Throwable {
    String parent = System.getProperty(PARENT);
    if (parent != null) {
      SameProcess.endWith(Long.parseLong(parent));
    }
    try {
      Class.forName(PROGRAM).getMethod("main", String[].class).invoke(null, (Object) args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static int runChild(List<String> command) throws IOException, InterruptedException {
    Signals signals = Signals.hold();
    Process child = new ProcessBuilder(command).inheritIO().start();
    signals.passTo(child);
    return child.waitFor();
  }

  private static boolean hasVectorModule() {
    try {
      Class.forName("jdk.incubator.vector.FloatVector");
      return true;
    } catch (ClassNotFoundException absent) {
      return false;
    }
  }

  /** Java 8 has no call for it; the runtime's name is "pid@host" on every HotSpot. */
  private static String ownPid() {
    String name = java.lang.management.ManagementFactory.getRuntimeMXBean().getName();
    int at = name.indexOf('@');
    return at > 0 ? name.substring(0, at) : null;
  }
}
