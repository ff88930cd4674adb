package llmengine.launcher;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;

/**
 * Passes the signals that end a program to a child process and keeps this one alive, so that the
 * child can save its work and this one can return the child's exit code.
 *
 * <p>Ctrl-C in a terminal reaches the child twice, from the terminal and from here; the program
 * takes a second interruption within a second for the same one.
 */
final class Signals {
  private final CompletableFuture<Process> child = new CompletableFuture<>();

  private Signals() {}

  /** Holds signals back from now on: none may end this process while the child starts. */
  static Signals hold() {
    Signals signals = new Signals();
    for (String name : new String[] {"INT", "TERM", "HUP"}) {
      signals.take(name);
    }
    return signals;
  }

  /** Passes them on: what has come already and what will come. */
  void passTo(Process started) {
    child.complete(started);
  }

  /** By reflection: every JVM has the class, but a compiler for Java 8 does not show it. */
  private void take(String name) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler pass =
          (proxy, method, arguments) -> {
            if (method.getName().equals("handle")) {
              send(name, child.join()); // the JVM runs each handler in a thread of its own
            }
            return null; // the JVM keeps handlers by signal and asks them for nothing else
          };
      Object proxy =
          Proxy.newProxyInstance(Signals.class.getClassLoader(), new Class<?>[] {handler}, pass);
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
    } catch (ReflectiveOperationException left) {
      // no HUP on Windows; a JVM run with -Xrs leaves signals to the system, which ends this
      // process
      // by them: the child notices that its launcher has gone
      return;
    }
  }

  private static void send(String name, Process child) {
    try {
      new ProcessBuilder("kill", "-" + name, Long.toString(pid(child))).start();
    } catch (IOException | ReflectiveOperationException noSuchProgram) {
      // Windows: the console has already told the child about Ctrl-C
      if (!name.equals("INT")) {
        child.destroy();
      }
    }
  }

  private static long pid(Process child) throws ReflectiveOperationException {
    try {
      return (Long) Process.class.getMethod("pid").invoke(child);
    } catch (NoSuchMethodException java8) {
      Field pid = child.getClass().getDeclaredField("pid");
      pid.setAccessible(true);
      return pid.getInt(child);
    }
  }
}
