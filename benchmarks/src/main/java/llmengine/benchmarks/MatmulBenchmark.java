package llmengine.benchmarks;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import llmengine.engine.Backend;
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
 * The three products of a linear layer over the shapes of SmolLM2-135M, all threads. The counter
 * {@code gflop} is GFLOP per second.
 */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
      "-Xmx1g"
    })
public class MatmulBenchmark {
  /** Tokens, outputs and inputs of the layer. */
  @Param({"1024,576,576", "1024,1536,576", "1024,576,1536", "256,49152,576"})
  String shape;

  @Param({"F32", "BF16"})
  DType weights;

  private Backend backend;
  private Scope scope;
  private Tensor x; // (M, K)
  private Tensor w; // (N, K)
  private Tensor y; // (M, N)
  private Tensor dw; // (N, K)
  private double gflop;

  /** Work done, as JMH counts it. */
  @AuxCounters
  @State(org.openjdk.jmh.annotations.Scope.Thread)
  public static class Work {
    public double gflop;

    @Setup(Level.Iteration)
    public void clear() {
      gflop = 0;
    }
  }

  @Setup
  public void open() {
    String[] sizes = shape.split(",");
    int m = Integer.parseInt(sizes[0]);
    int n = Integer.parseInt(sizes[1]);
    int k = Integer.parseInt(sizes[2]);
    gflop = 2e-9 * m * n * k;
    backend = new VectorBackend();
    scope = new Scope(backend, "benchmark");
    x = filled(DType.F32, m, k);
    w = filled(weights, n, k);
    y = filled(DType.F32, m, n);
    dw = filled(DType.F32, n, k);
  }

  private Tensor filled(DType dtype, int rows, int cols) {
    Random random = new Random(1);
    Tensor t = scope.empty(dtype, rows, cols);
    float[] row = new float[cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        row[c] = (float) random.nextGaussian();
      }
      t.rows(r, r + 1).set(row);
    }
    return t;
  }

  @TearDown
  public void close() {
    scope.close();
    backend.close();
  }

  /** y = x W^T, the forward pass. */
  @Benchmark
  public Tensor forward(Work work) {
    backend.matmulNT(x, w, 1, y, false);
    work.gflop += gflop;
    return y;
  }

  /** dx = dy W, the gradient of the input. */
  @Benchmark
  public Tensor inputGradient(Work work) {
    backend.matmulNN(y, w, 1, x, false);
    work.gflop += gflop;
    return x;
  }

  /** dW = dy^T x, the gradient of the weight. */
  @Benchmark
  public Tensor weightGradient(Work work) {
    backend.matmulTN(y, x, 1, dw, false);
    work.gflop += gflop;
    return dw;
  }
}
