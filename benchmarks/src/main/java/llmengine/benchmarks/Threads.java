package llmengine.benchmarks;

import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/** Runs the same work on several threads that start together. */
final class Threads {
  /** Part of a pass; the result says whether it did what it should. */
  interface Part {
    boolean run(int index);
  }

  private Threads() {}

  /** Nanoseconds from the common start to the end of the last. */
  static long nanos(int threads, Part part) {
    CyclicBarrier barrier = new CyclicBarrier(threads + 1);
    boolean[] right = new boolean[threads];
    for (int t = 0; t < threads; t++) {
      int index = t;
      Thread.ofPlatform()
          .daemon()
          .start(
              () -> {
                await(barrier);
                right[index] = part.run(index);
                await(barrier);
              });
    }
    await(barrier);
    long start = System.nanoTime();
    await(barrier);
    long nanos = System.nanoTime() - start;
    for (boolean one : right) {
      if (!one) { // also keeps the work from being optimised away
        throw new IllegalStateException("roof: expected the work to have a result");
      }
    }
    return nanos;
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException("roof: interrupted while it was measured", e);
    }
  }
}
