package llmengine.launcher;

import java.util.List;

/**
 * What needs calls that Java 8 does not have. This is the version for a JVM before 22; the jar
 * holds another one for later JVMs (META-INF/versions/22).
 */
final class SameProcess {
  private SameProcess() {}

  /** Replaces this process by a command. Returns only when that is not possible, as here. */
  static void replaceBy(List<String> command) {}

  /** Ends this process when another one, its launcher, has gone. */
  static void endWith(long pid) {
    throw new IllegalStateException("the program itself runs on Java " + JavaHomes.NEEDED);
  }
}
