package llmengine.train;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import sun.misc.Signal;

/**
 * Ctrl-C and SIGTERM during training: the first asks the trainer to stop after the current step, with a checkpoint; a second
 * one ends the process at once.
 */
public final class Interrupt implements BooleanSupplier {
  private final AtomicBoolean asked = new AtomicBoolean();

  private Interrupt() {}

  /** Takes over the signals for the rest of the process's life. */
  public static Interrupt install() {
    Interrupt interrupt = new Interrupt();
    for (String name : new String[] {"INT", "TERM"}) {
      Signal.handle(
          new Signal(name),
          signal -> {
            if (interrupt.asked.getAndSet(true)) {
              Runtime.getRuntime().halt(130);
            }
            System.err.println(
                "engine: stopping after this step with a checkpoint; once more stops at once.");
          });
    }
    return interrupt;
  }

  @Override
  public boolean getAsBoolean() {
    return asked.get();
  }
}
