package llmengine.benchmarks;

import java.util.concurrent.TimeUnit;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.cpu.VectorBackend;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Decoding packed weights on one thread, in panels of 4 rows by 1024 columns that stay in the
 * caches. Counters: {@code gvalues} is 10^9 values a second, {@code gbytes} GB/s of stored bytes.
 * With {@code -prof gc} it shows that nothing is allocated.
 */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 4, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
      "-Xmx1g"
    })
public class DecodeBenchmark {
  private static final int ROWS = 64;
  private static final int COLUMNS = 1024;

  @Param({"F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"})
  String format;

  private VectorBackend backend;
  private Scope scope;
  private Packing packing;
  private final float[] panel = new float[4 * COLUMNS];

  /** Work done, as JMH counts it. */
  @AuxCounters
  @State(org.openjdk.jmh.annotations.Scope.Thread)
  public static class Work {
    public double gvalues;
    public double gbytes;

    @Setup(Level.Iteration)
    public void clear() {
      gvalues = 0;
      gbytes = 0;
    }
  }

  @Setup
  public void open() {
    backend = new VectorBackend();
    scope = new Scope(backend, "benchmark");
    packing = Weights.packed(scope, format, ROWS, COLUMNS);
  }

  @TearDown
  public void close() {
    scope.close();
    backend.close();
  }

  @Benchmark
  public float[] decode(Work work) {
    for (int row = 0; row < ROWS; row += 4) {
      packing.decode(row, 0, 4, COLUMNS, panel, 0, COLUMNS);
    }
    work.gvalues += 1e-9 * ROWS * COLUMNS;
    work.gbytes += 1e-9 * packing.bytes();
    return panel;
  }
}
