package llmengine.benchmarks;

import java.util.concurrent.TimeUnit;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
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
 * Products of linear layers by the form of their weights, all threads: one generated token (M = 1),
 * several at once, and prompts. Counters: {@code gflop} is GFLOP/s, {@code gbytes} GB/s of weights
 * read, {@code roof} their share of what the machine reads from memory, measured in the same run
 * (above 1 where a matrix stays in the caches).
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
public class PackedProductBenchmark {
  /** Outputs and inputs: SmolLM2-135M's, then those of a model with C = 1024, F = 4096. */
  @Param({"576x576", "1536x576", "576x1536", "49152x576", "4096x1024", "1024x4096", "32000x1024"})
  String shape;

  @Param({"F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"})
  String format;

  @Param({"1", "4", "16", "128", "512"})
  int tokens;

  /** Of up to 16 tokens, with packed weights. */
  @Param({"int8", "float32"})
  String activations;

  private VectorBackend backend;
  private Scope scope;
  private Tensor x; // (M, K)
  private Tensor w; // (N, K)
  private Tensor y; // (M, N)
  private double gflop;
  private double gbytes;
  private double roofGbytes;

  /** Work done, as JMH counts it. */
  @AuxCounters
  @State(org.openjdk.jmh.annotations.Scope.Thread)
  public static class Work {
    public double gflop;
    public double gbytes;
    public double roof;

    @Setup(Level.Iteration)
    public void clear() {
      gflop = 0;
      gbytes = 0;
      roof = 0;
    }
  }

  @Setup
  public void open() {
    String[] sizes = shape.split("x");
    int n = Integer.parseInt(sizes[0]);
    int k = Integer.parseInt(sizes[1]) / step() * step();
    backend = new VectorBackend();
    backend.eightBitActivations(activations.equals("int8"));
    roofGbytes = DramRoof.bytesPerSecond(backend.threads()) / 1e9;
    scope = new Scope(backend, "benchmark");
    x = Weights.of(scope, "F32", tokens, k);
    w = Weights.of(scope, format, n, k);
    y = scope.empty(DType.F32, tokens, n);
    gflop = 2e-9 * tokens * n * k;
    gbytes = Weights.bytes(w) / 1e9;
  }

  /** 576 is no multiple of the 256 values that K-quants have in a block: 512 stands for it. */
  private int step() {
    return format.endsWith("_K") ? 256 : 32;
  }

  @TearDown
  public void close() {
    scope.close();
    backend.close();
  }

  /** y = x W^T in the arithmetic that so many tokens have in a model. */
  @Benchmark
  public Tensor product(Work work) {
    if (tokens <= 16) {
      backend.matmulRows(x, w, 1, y, false);
    } else {
      backend.matmulNT(x, w, 1, y, false);
    }
    work.gflop += gflop;
    work.gbytes += gbytes;
    work.roof += gbytes / roofGbytes;
    return y;
  }
}
