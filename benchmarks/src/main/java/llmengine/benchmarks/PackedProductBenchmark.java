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
 * Products of linear layers by the form of their weights, all threads: one generated token (M = 1),
 * several at once, and prompts. For up to 16 tokens the weights are many matrices in turn, more
 * than the caches hold, as the layers of a model are, and {@code roof} is the share of what the
 * machine reads from memory; for prompts it is that of its fused multiply-adds.
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
  private static final long MEMORY = 1L << 29;

  /** Outputs and inputs: SmolLM2-135M's, then those of a model with C = 1024, F = 4096. */
  @Param({"576x576", "1536x576", "576x1536", "49152x576", "4096x1024", "1024x4096", "32000x1024"})
  String shape;

  @Param({
    "F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "NF4"
  })
  String format;

  @Param({"1", "4", "16", "128", "512"})
  int tokens;

  /** Of up to 16 tokens, with packed weights. */
  @Param({"int8", "float32"})
  String activations;

  private VectorBackend backend;
  private Scope scope;
  private Tensor x; // (M, K)
  private Tensor[] w; // (N, K), as many as no cache holds
  private int next;
  private Tensor y; // (M, N)
  private Roofs roofs;
  private double flops;
  private double bytes;

  @Setup
  public void open() {
    String[] sizes = shape.split("x");
    int n = Integer.parseInt(sizes[0]);
    int k = Integer.parseInt(sizes[1]) / step() * step();
    backend = new VectorBackend();
    backend.eightBitActivations(activations.equals("int8"));
    roofs = Roofs.of(backend.threads());
    scope = new Scope(backend, "benchmark");
    x = Weights.of(scope, "F32", tokens, k);
    Tensor first = Weights.of(scope, format, n, k);
    bytes = Weights.bytes(first);
    // NF4 is encoded value by value, which takes long
    double memory = tokens > 16 ? 0 : format.equals("NF4") ? MEMORY / 16 : MEMORY;
    int layers = (int) Math.clamp(memory / bytes, 1, 512);
    w = new Tensor[layers];
    w[0] = first;
    for (int i = 1; i < layers; i++) {
      w[i] = Weights.of(scope, format, n, k);
    }
    y = scope.empty(DType.F32, tokens, n);
    flops = 2.0 * tokens * n * k;
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
    next = next + 1 < w.length ? next + 1 : 0;
    if (tokens <= 16) {
      backend.matmulRows(x, w[next], 1, y, false);
      work.reads(bytes, roofs);
      work.gflop += flops / 1e9;
    } else {
      backend.matmulNT(x, w[next], 1, y, false);
      work.flops(flops, roofs);
    }
    return y;
  }
}
