package llmengine.benchmarks;

import java.util.concurrent.TimeUnit;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The three products of a linear layer over the shapes of SmolLM2-135M, Qwen2.5-0.5B and
 * Llama-3.2-1B: GFLOP/s and their share of the rate of fused multiply-adds.
 */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
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
  /** Outputs and inputs of the layer: four of each model, in the order above. */
  @Param({
    "576x576",
    "192x576",
    "1536x576",
    "576x1536",
    "896x896",
    "128x896",
    "4864x896",
    "896x4864",
    "2048x2048",
    "512x2048",
    "8192x2048",
    "2048x8192"
  })
  String shape;

  @Param({"128", "512", "1024"})
  int tokens;

  @Param({"F32", "BF16", "F16"})
  String weights;

  private VectorBackend backend;
  private Scope scope;
  private Roofs roofs;
  private Tensor x; // (M, K)
  private Tensor w; // (N, K)
  private Tensor y; // (M, N)
  private Tensor dw; // (N, K)
  private double flops;

  @Setup
  public void open() {
    String[] sizes = shape.split("x");
    int n = Integer.parseInt(sizes[0]);
    int k = Integer.parseInt(sizes[1]);
    flops = 2.0 * tokens * n * k;
    backend = new VectorBackend();
    roofs = Roofs.of(backend.threads());
    scope = new Scope(backend, "benchmark");
    x = Weights.of(scope, "F32", tokens, k);
    w = Weights.of(scope, weights, n, k);
    y = Weights.of(scope, "F32", tokens, n);
    dw = scope.empty(DType.F32, n, k);
  }

  @TearDown
  public void close() {
    scope.close();
    backend.close();
  }

  /** y = x W^T (NT), the forward pass. */
  @Benchmark
  public Tensor forward(Work work) {
    backend.matmulNT(x, w, 1, y, false);
    work.flops(flops, roofs);
    return y;
  }

  /** dx = dy W (NN), the gradient of the input. */
  @Benchmark
  public Tensor inputGradient(Work work) {
    backend.matmulNN(y, w, 1, x, false);
    work.flops(flops, roofs);
    return x;
  }

  /** dW = dy^T x (TN), the gradient of the weight. */
  @Benchmark
  public Tensor weightGradient(Work work) {
    backend.matmulTN(y, x, 1, dw, false);
    work.flops(flops, roofs);
    return dw;
  }
}
