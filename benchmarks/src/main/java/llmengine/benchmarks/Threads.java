package llmengine.benchmarks;

import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/**
 * Runs the same work on several threads that start together. Each takes its own times: a busy
 * machine may wake whoever waits for them late.
 */
final class Threads {
  /** Part of a pass; the result says whether it did what it should. */
  interface Part {
    boolean run(int index);
  }

  private Threads() {}

  /** Nanoseconds from the start of the first to the end of the last. */
  static long nanos(int threads, Part part) {
    CyclicBarrier barrier = new CyclicBarrier(threads + 1);
    boolean[] right = new boolean[threads];
    long[] starts = new long[threads];
    long[] ends = new long[threads];
    for (int t = 0; t < threads; t++) {
      int index = t;
      Thread.ofPlatform()
          .daemon()
          .start(
              () -> {
                await(barrier);
                starts[index] = System.nanoTime();
                right[index] = part.run(index);
                ends[index] = System.nanoTime();
                await(barrier);
              });
    }
    await(barrier);
    await(barrier);
    for (boolean one : right) {
      if (!one) { // also keeps the work from being optimised away
        throw new IllegalStateException("roof: expected the work to have a result");
      }
    }
    long first = starts[0];
    long last = ends[0];
    for (int t = 1; t < threads; t++) {
      first = starts[t] - first < 0 ? starts[t] : first;
      last = ends[t] - last > 0 ? ends[t] : last;
    }
    return last - first;
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException("roof: interrupted while it was measured", e);
    }
  }
}
