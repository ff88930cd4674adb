package llmengine.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Turns Ctrl-C, SIGTERM and SIGHUP into a request that a long command looks at between steps, so
 * that it can save its work. A second signal, at least a second later, ends the process at once
 * with {@link ExitCode#INTERRUPTED}. Without an open {@code Interruption} the signals end the
 * process as usual.
 */
public final class Interruption implements AutoCloseable {
  /** One Ctrl-C may arrive twice: from the terminal and from the launcher that passes it on. */
  private static final long SAME_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Runnable announcement;
  private final Runnable atOnce;
  private final List<Map.Entry<Signal, SignalHandler>> previous = new ArrayList<>();
  private long firstNanos;
  private volatile boolean requested;

  private Interruption(Runnable announcement, Runnable atOnce) {
    this.announcement = announcement;
    this.atOnce = atOnce;
  }

  /**
   * Takes over the signals until closed.
   *
   * @param announcement runs once, on the first signal: tells the user what happens now
   */
  public static Interruption listen(Runnable announcement) {
    return listen(announcement, () -> Runtime.getRuntime().halt(ExitCode.INTERRUPTED));
  }

  static Interruption listen(Runnable announcement, Runnable atOnce) {
    Interruption interruption = new Interruption(announcement, atOnce);
    for (String name : List.of("INT", "TERM", "HUP")) {
      interruption.take(name);
    }
    return interruption;
  }

  /** Whether somebody asked to stop. */
  public boolean requested() {
    return requested;
  }

  @Override
  public void close() {
    previous.forEach(before -> Signal.handle(before.getKey(), before.getValue()));
    previous.clear();
  }

  private void take(String name) {
    try {
      Signal signal = new Signal(name);
      previous.add(Map.entry(signal, Signal.handle(signal, taken -> arrive(System.nanoTime()))));
    } catch (IllegalArgumentException unknown) {
      // Windows has no HUP, and a JVM run with -Xrs keeps all of them from us
      return;
    }
  }

  synchronized void arrive(long nanos) {
    if (!requested) {
      firstNanos = nanos;
      requested = true;
      announcement.run();
    } else if (nanos - firstNanos >= SAME_NANOS) {
      atOnce.run();
    }
  }
}
