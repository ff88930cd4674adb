package llmengine.cli.doctor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A dot product of off-heap floats, once with the Vector API and once by a plain loop: the same sum
 * within rounding, and many times faster if the JIT compiles the one to vector instructions.
 *
 * @param lanes floats in a vector
 * @param vectorGflops billions of additions and multiplications a second, with vectors
 * @param scalarGflops the same of the plain loop
 * @param difference largest relative difference of the two sums
 */
public record VectorSelfTest(
    int lanes, double vectorGflops, double scalarGflops, double difference) {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /** Two such rows stay in a first-level cache, so that arithmetic and not memory is timed. */
  private static final int LENGTH = 2048;

  private static final int CALLS = 20;

  /**
   * Enough for the JIT to compile either loop on a busy machine, which takes about a third of it.
   */
  private static final long NANOS_EACH = 1_000_000_000;

  private interface Dot {
    float of(MemorySegment a, MemorySegment b, int n);
  }

  /** Measures for two seconds on one thread. */
  public static VectorSelfTest run() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(4L * LENGTH, 64);
      MemorySegment b = arena.allocate(4L * LENGTH, 64);
      double magnitude = 0;
      for (int i = 0; i < LENGTH; i++) {
        float x = (float) Math.sin(i);
        float y = (float) Math.cos(3.0 * i);
        a.setAtIndex(ValueLayout.JAVA_FLOAT, i, x);
        b.setAtIndex(ValueLayout.JAVA_FLOAT, i, y);
        magnitude += Math.abs((double) x * y);
      }
      double scalar = gflops(VectorSelfTest::scalarDot, a, b);
      double vector = gflops(VectorSelfTest::vectorDot, a, b);
      double difference = Math.abs(vectorDot(a, b, LENGTH) - scalarDot(a, b, LENGTH)) / magnitude;
      return new VectorSelfTest(SPECIES.length(), vector, scalar, difference);
    }
  }

  /** One line, with advice when vectors are not compiled or wrong. */
  public List<Finding> findings() {
    String text =
        String.format(
            Locale.ROOT,
            "%d bits (%d floats): %.1f GFLOP/s with vectors, %.1f without, on one core",
            lanes * Float.SIZE,
            lanes,
            vectorGflops,
            scalarGflops);
    return List.of(new Finding("vectors", text, advice()));
  }

  private String advice() {
    if (!(difference <= 1e-5)) { // also when it is not a number
      return "The two sums differ: do not trust results of this Java on this machine.";
    }
    if (vectorGflops < 1.5 * scalarGflops) {
      return "The JIT does not turn the Vector API into vector instructions, training would be many"
          + " times slower: use a HotSpot JDK with its C2 compiler, without -Xint or"
          + " -XX:TieredStopAtLevel.";
    }
    return "";
  }

  /** The best of several rounds: the machine may be busy with other things. */
  private static double gflops(Dot dot, MemorySegment a, MemorySegment b) {
    long best = Long.MAX_VALUE;
    float sum = 0;
    long end = System.nanoTime() + NANOS_EACH;
    do {
      long start = System.nanoTime();
      for (int i = 0; i < CALLS; i++) {
        sum += dot.of(a, b, LENGTH);
      }
      best = Math.min(best, System.nanoTime() - start);
    } while (System.nanoTime() < end);
    // the sum is looked at, or the JIT could drop the work
    return Float.isNaN(sum) ? Double.NaN : 2.0 * LENGTH * CALLS / best;
  }

  private static float scalarDot(MemorySegment a, MemorySegment b, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += a.getAtIndex(ValueLayout.JAVA_FLOAT, i) * b.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return sum;
  }

  /** Four chains of sums, since an addition's result is ready only after some cycles. */
  private static float vectorDot(MemorySegment a, MemorySegment b, int n) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int step = SPECIES.length();
    int i = 0;
    for (; i <= n - 4 * step; i += 4 * step) {
      s0 = load(a, i).fma(load(b, i), s0);
      s1 = load(a, i + step).fma(load(b, i + step), s1);
      s2 = load(a, i + 2 * step).fma(load(b, i + 2 * step), s2);
      s3 = load(a, i + 3 * step).fma(load(b, i + 3 * step), s3);
    }
    float[] sums = s0.add(s1).add(s2.add(s3)).toArray();
    float sum = 0;
    for (float lane : sums) {
      sum += lane;
    }
    for (; i < n; i++) {
      sum += a.getAtIndex(ValueLayout.JAVA_FLOAT, i) * b.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return sum;
  }

  private static FloatVector load(MemorySegment from, int index) {
    return FloatVector.fromMemorySegment(SPECIES, from, 4L * index, ORDER);
  }
}
