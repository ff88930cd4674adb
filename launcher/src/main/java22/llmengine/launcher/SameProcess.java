package llmengine.launcher;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;
import sun.misc.Signal;

/** The version for a JVM from 22 on, which has foreign functions. */
final class SameProcess {
  private SameProcess() {}

  /** Replaces this process by a command (execv). Returns only when that is not possible. */
  static void replaceBy(List<String> command) throws Throwable {
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> execv = linker.defaultLookup().find("execv");
    if (execv.isEmpty() || System.getProperty("os.name").startsWith("Windows")) {
      return; // the one of Windows starts another process and ends this one at once
    }
    MethodHandle replace =
        linker.downcallHandle(
            execv.get(),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment argv = arena.allocate(ValueLayout.ADDRESS, command.size() + 1L); // ends in NULL
      for (int i = 0; i < command.size(); i++) {
        argv.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(command.get(i)));
      }
      int failed = (int) replace.invokeExact(arena.allocateFrom(command.get(0)), argv);
      assert failed != 0; // execv returns only to say that it failed: a child serves instead
    }
  }

  /**
   * Ends this process when another one, its launcher, has gone: as if terminated from outside, so
   * that a training run saves its work.
   */
  static void endWith(long pid) {
    Thread watch =
        new Thread(
            () -> {
              ProcessHandle.of(pid).ifPresent(launcher -> launcher.onExit().join());
              Signal.raise(new Signal("TERM"));
            },
            "launcher watch");
    watch.setDaemon(true);
    watch.start();
  }
}
