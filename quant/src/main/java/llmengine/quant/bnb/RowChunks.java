package llmengine.quant.bnb;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import llmengine.engine.Tensor;

/**
 * Reads a matrix a few rows at a time, by several threads: each chunk is encoded by itself, so the
 * result does not depend on who does which.
 */
final class RowChunks {
  private static final int VALUES = 1 << 18;

  /**
   * Some rows in float32.
   *
   * @param row the first
   * @param values {@code count} of them, row-major; the array is used again
   */
  record Chunk(int row, int rows, float[] values, int count) {}

  private RowChunks() {}

  /**
   * @param unit every chunk but the last has a multiple of this many rows
   */
  static void forEach(Tensor weight, int unit, Consumer<Chunk> each) {
    int cols = weight.cols();
    int rows = Math.max(1, VALUES / Math.max(1, cols) / unit) * unit;
    int chunks = Math.ceilDiv(weight.rows(), rows);
    int threads =
        Math.min(
            chunks,
            Integer.getInteger("engine.threads", Runtime.getRuntime().availableProcessors()));
    AtomicInteger next = new AtomicInteger();
    AtomicReference<RuntimeException> failure = new AtomicReference<>();
    Runnable work =
        () -> {
          float[] values = new float[Math.min(rows, weight.rows()) * cols];
          for (int c; (c = next.getAndIncrement()) < chunks && failure.get() == null; ) {
            int from = c * rows;
            int to = Math.min(weight.rows(), from + rows);
            try {
              weight.backend().read(weight.rows(from, to), values, 0);
              each.accept(new Chunk(from, to - from, values, (to - from) * cols));
            } catch (RuntimeException e) {
              failure.compareAndSet(null, e);
            }
          }
        };
    Thread[] others = new Thread[Math.max(0, threads - 1)];
    for (int t = 0; t < others.length; t++) {
      others[t] = Thread.ofPlatform().daemon().name("quantize-" + t).start(work);
    }
    work.run();
    boolean interrupted = false;
    for (Thread thread : others) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true; // memory must not be given back under a thread that writes to it
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
