package llmengine.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import llmengine.engine.cpu.VectorBackend;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The machine's limits with the engine's number of threads: a loop of fused multiply-adds, reading
 * memory, and a triad. Means over time, where {@link Roofs} takes the best pass; {@code roof} is
 * their ratio, which says how steady the machine is.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-Xmx1g"})
public class RoofBenchmark {
  private final Arena arena = Arena.ofShared();
  private int threads;
  private Roofs roofs;
  private MemorySegment memory;
  private MemorySegment zeros;

  @Setup
  public void open() {
    try (VectorBackend backend = new VectorBackend()) {
      threads = backend.threads();
    }
    roofs = Roofs.of(threads);
    memory = arena.allocate(DramRoof.BYTES, 64).fill((byte) 1);
    zeros = arena.allocate(DramRoof.BYTES, 64).fill((byte) 0);
  }

  @TearDown
  public void close() {
    arena.close();
  }

  @Benchmark
  public long fma(Work work) {
    long nanos = Threads.nanos(threads, index -> FmaRoof.chains(1 << 20) > 0);
    work.flops(FmaRoof.flops(threads), roofs);
    return nanos;
  }

  @Benchmark
  public long read(Work work) {
    long nanos = DramRoof.readNanos(memory, threads);
    work.reads(DramRoof.BYTES, roofs);
    return nanos;
  }

  @Benchmark
  public long triad(Work work) {
    long nanos = DramRoof.triadNanos(zeros, threads);
    work.moves(DramRoof.triadBytes(threads), roofs);
    return nanos;
  }
}
