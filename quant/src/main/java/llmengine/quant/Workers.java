package llmengine.quant;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/** Pieces of one job, done by several threads; no result may depend on who does which. */
public final class Workers {
  private Workers() {}

  /** Does {@code work} for 0 ... {@code pieces} - 1; the first failure is thrown here. */
  public static void run(int pieces, IntConsumer work) {
    each(pieces, () -> work);
  }

  /**
   * As {@link #run} by workers that own something, an array for example.
   *
   * @param worker makes the worker of a thread, in that thread
   */
  public static void each(int pieces, Supplier<IntConsumer> worker) {
    int threads =
        Math.min(
            pieces,
            Integer.getInteger("engine.threads", Runtime.getRuntime().availableProcessors()));
    AtomicInteger next = new AtomicInteger();
    AtomicReference<RuntimeException> failure = new AtomicReference<>();
    Runnable thread =
        () -> {
          try {
            IntConsumer work = worker.get();
            for (int p; (p = next.getAndIncrement()) < pieces && failure.get() == null; ) {
              work.accept(p);
            }
          } catch (RuntimeException e) {
            failure.compareAndSet(null, e);
          }
        };
    Thread[] others = new Thread[Math.max(0, threads - 1)];
    for (int t = 0; t < others.length; t++) {
      others[t] = Thread.ofPlatform().daemon().name("quantize-" + t).start(thread);
    }
    thread.run();
    boolean interrupted = false;
    for (Thread other : others) {
      while (other.isAlive()) {
        try {
          other.join();
        } catch (InterruptedException e) {
          interrupted = true; // memory must not be given back under a thread that uses it
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (failure.get() != null) {
      throw failure.get();
    }
  }
}
