package llmengine.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Bytes a second that this machine reads from memory, or moves, with so many threads: what a
 * product that reads its weights once, or an update of weights, can't exceed.
 */
final class DramRoof {
  /** More than any cache holds. */
  static final long BYTES = 1L << 29;

  private static final int PASSES = 8;
  private static final int STEP = 4 * LongVector.SPECIES_PREFERRED.vectorByteSize();
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  private DramRoof() {}

  /** The best of several passes. */
  static double bytesPerSecond(int threads) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(BYTES, 64).fill((byte) 1);
      long best = Long.MAX_VALUE;
      for (int pass = 0; pass < PASSES; pass++) {
        best = Math.min(best, readNanos(memory, threads));
      }
      return BYTES / (best / 1e9);
    }
  }

  /** Time of all threads together reading the whole memory, which holds ones. */
  static long readNanos(MemorySegment memory, int threads) {
    long share = BYTES / threads / STEP * STEP;
    return Threads.nanos(threads, t -> read(memory, t * share, share) != 0);
  }

  /** The same of a = b + s c over three parts of the memory. */
  static double triadBytesPerSecond(int threads) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(BYTES, 64).fill((byte) 0);
      long best = Long.MAX_VALUE;
      for (int pass = 0; pass < PASSES; pass++) {
        best = Math.min(best, triadNanos(memory, threads));
      }
      return triadBytes(threads) / (best / 1e9);
    }
  }

  static long triadNanos(MemorySegment memory, int threads) {
    long share = triadBytes(threads) / 3 / threads;
    return Threads.nanos(threads, t -> triad(memory, t * share, share) == 0);
  }

  /** Bytes that a pass moves. */
  static long triadBytes(int threads) {
    return BYTES / 3 / threads / STEP * STEP * threads * 3;
  }

  private static float triad(MemorySegment memory, long from, long bytes) {
    long third = memory.byteSize() / 3 / STEP * STEP;
    FloatVector s = FloatVector.broadcast(F, 3);
    for (long at = from; at < from + bytes; at += F.vectorByteSize()) {
      FloatVector b = FloatVector.fromMemorySegment(F, memory, third + at, ByteOrder.nativeOrder());
      FloatVector c =
          FloatVector.fromMemorySegment(F, memory, 2 * third + at, ByteOrder.nativeOrder());
      c.fma(s, b).intoMemorySegment(memory, at, ByteOrder.nativeOrder());
    }
    return memory.get(ValueLayout.JAVA_FLOAT, from);
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
