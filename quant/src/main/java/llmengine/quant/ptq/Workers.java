package llmengine.quant.ptq;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;

/** Pieces of one job, done by several threads; no result may depend on who does which. */
final class Workers {
  private Workers() {}

  /** Does {@code work} for 0 ... {@code pieces} - 1; the first failure is thrown here. */
  static void run(int pieces, IntConsumer work) {
    int threads =
        Math.min(
            pieces,
            Integer.getInteger("engine.threads", Runtime.getRuntime().availableProcessors()));
    AtomicInteger next = new AtomicInteger();
    AtomicReference<RuntimeException> failure = new AtomicReference<>();
    Runnable worker =
        () -> {
          for (int p; (p = next.getAndIncrement()) < pieces && failure.get() == null; ) {
            try {
              work.accept(p);
            } catch (RuntimeException e) {
              failure.compareAndSet(null, e);
            }
          }
        };
    Thread[] others = new Thread[Math.max(0, threads - 1)];
    for (int t = 0; t < others.length; t++) {
      others[t] = Thread.ofPlatform().daemon().name("quantize-" + t).start(worker);
    }
    worker.run();
    boolean interrupted = false;
    for (Thread thread : others) {
      while (thread.isAlive()) {
        try {
          thread.join();
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
