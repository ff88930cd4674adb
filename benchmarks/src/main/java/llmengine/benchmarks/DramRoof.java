package llmengine.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Bytes a second that this machine reads from memory with all its threads: what a product that
 * reads its weights once can't exceed.
 */
final class DramRoof {
  private static final long BYTES = 1L << 29; // more than any cache holds
  private static final int PASSES = 8;
  private static final int STEP = 4 * LongVector.SPECIES_PREFERRED.vectorByteSize();

  private DramRoof() {}

  /** The best of several passes. */
  static double bytesPerSecond(int threads) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(BYTES, 64).fill((byte) 1);
      long best = Long.MAX_VALUE;
      for (int pass = 0; pass < PASSES; pass++) {
        long start = System.nanoTime();
        readAll(memory, threads);
        best = Math.min(best, System.nanoTime() - start);
      }
      return BYTES / (best / 1e9);
    }
  }

  private static void readAll(MemorySegment memory, int threads) {
    long share = BYTES / threads / STEP * STEP;
    long[] sums = new long[threads];
    List<Thread> running = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int index = t;
      running.add(
          Thread.ofPlatform().start(() -> sums[index] = read(memory, index * share, share)));
    }
    try {
      for (Thread thread : running) {
        thread.join();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException("roof: interrupted while it was measured", e);
    }
    for (long sum : sums) {
      if (sum == 0) { // also keeps the reads from being optimised away
        throw new IllegalStateException("roof: expected ones in the memory that was read");
      }
    }
  }

  private static long read(MemorySegment memory, long from, long bytes) {
    var species = LongVector.SPECIES_PREFERRED;
    int width = species.vectorByteSize();
    LongVector a = LongVector.zero(species);
    LongVector b = a;
    LongVector c = a;
    LongVector d = a;
    for (long at = from; at < from + bytes; at += STEP) {
      a = a.or(LongVector.fromMemorySegment(species, memory, at, ByteOrder.nativeOrder()));
      b = b.or(LongVector.fromMemorySegment(species, memory, at + width, ByteOrder.nativeOrder()));
      c =
          c.or(
              LongVector.fromMemorySegment(
                  species, memory, at + 2L * width, ByteOrder.nativeOrder()));
      d =
          d.or(
              LongVector.fromMemorySegment(
                  species, memory, at + 3L * width, ByteOrder.nativeOrder()));
    }
    return a.or(b).or(c.or(d)).reduceLanes(VectorOperators.OR);
  }
}
