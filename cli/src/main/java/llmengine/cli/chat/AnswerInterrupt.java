package llmengine.cli.chat;

import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import llmengine.cli.ExitCode;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Ctrl-C in a chat: while an answer is written it ends that answer only, at the prompt it ends the
 * program with {@link ExitCode#INTERRUPTED}.
 */
public final class AnswerInterrupt implements BooleanSupplier, AutoCloseable {
  /** One Ctrl-C may arrive twice: from the terminal and from the launcher that passes it on. */
  private static final long SAME_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Runnable exit;
  private Signal signal;
  private SignalHandler previous;
  private boolean answering;
  private boolean cancelled;
  private boolean before;
  private long lastNanos;

  AnswerInterrupt(Runnable exit) {
    this.exit = exit;
  }

  /** Takes over Ctrl-C until closed. */
  public static AnswerInterrupt listen(PrintWriter out) {
    AnswerInterrupt interrupt =
        new AnswerInterrupt(
            () -> {
              out.println();
              out.flush();
              Runtime.getRuntime().halt(ExitCode.INTERRUPTED);
            });
    try {
      interrupt.signal = new Signal("INT");
      interrupt.previous =
          Signal.handle(interrupt.signal, taken -> interrupt.arrive(System.nanoTime()));
    } catch (IllegalArgumentException unavailable) {
      // a JVM run with -Xrs keeps the signal: Ctrl-C then ends the program, as -Xrs asks
      interrupt.signal = null;
    }
    return interrupt;
  }

  /** An answer begins: Ctrl-C is for it from here on. */
  synchronized void begin() {
    answering = true;
    cancelled = false;
  }

  /** The answer is over. */
  synchronized void end() {
    answering = false;
  }

  /** Whether the answer is to end. */
  @Override
  public synchronized boolean getAsBoolean() {
    return cancelled;
  }

  void arrive(long nanos) {
    boolean leave;
    synchronized (this) {
      if (before && nanos - lastNanos < SAME_NANOS) {
        return;
      }
      before = true;
      lastNanos = nanos;
      leave = !answering || cancelled;
      cancelled = true;
    }
    if (leave) {
      exit.run();
    }
  }

  @Override
  public void close() {
    if (signal != null) {
      Signal.handle(signal, previous);
    }
  }
}
