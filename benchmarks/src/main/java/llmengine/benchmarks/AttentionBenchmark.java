package llmengine.benchmarks;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import llmengine.engine.AttentionShape;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
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
 * Causal attention of whole sequences, forward and backward. Counted are the products alone, over
 * the keys that a query sees: 2 forward and 5 backward of T (T + 1) / 2 D each head.
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
public class AttentionBenchmark {
  /** Heads, key/value heads and width: SmolLM2-135M, Qwen2.5-0.5B, Llama-3.2-1B. */
  @Param({"9,3,64", "14,2,64", "32,8,64"})
  String heads;

  /** Sequences and tokens of each. */
  @Param({"4x256", "1x1024"})
  String sequences;

  private VectorBackend backend;
  private Scope scope;
  private Roofs roofs;
  private AttentionShape shape;
  private Segments segments;
  private Tensor q; // (T, H D)
  private Tensor k; // (T, Hkv D)
  private Tensor v;
  private Tensor out;
  private Tensor lse; // (T, H)
  private Tensor dout;
  private Tensor dq;
  private Tensor dk;
  private Tensor dv;
  private double product; // operations of one product

  @Setup
  public void open() {
    int[] h = Arrays.stream(heads.split(",")).mapToInt(Integer::parseInt).toArray();
    int[] s = Arrays.stream(sequences.split("x")).mapToInt(Integer::parseInt).toArray();
    shape = AttentionShape.causal(h[0], h[1], h[2]);
    int[] lengths = new int[s[0]];
    Arrays.fill(lengths, s[1]);
    segments = Segments.of(lengths);
    int rows = s[0] * s[1];
    product = 2.0 * s[0] * s[1] * (s[1] + 1.0) / 2 * h[0] * h[2];
    backend = new VectorBackend();
    roofs = Roofs.of(backend.threads());
    scope = new Scope(backend, "benchmark");
    q = Weights.of(scope, "F32", rows, h[0] * h[2]);
    k = Weights.of(scope, "F32", rows, h[1] * h[2]);
    v = Weights.of(scope, "F32", rows, h[1] * h[2]);
    dout = Weights.of(scope, "F32", rows, h[0] * h[2]);
    out = scope.empty(DType.F32, rows, h[0] * h[2]);
    lse = scope.empty(DType.F32, rows, h[0]);
    dq = scope.empty(DType.F32, rows, h[0] * h[2]);
    dk = scope.empty(DType.F32, rows, h[1] * h[2]);
    dv = scope.empty(DType.F32, rows, h[1] * h[2]);
    backend.attention(q, k, v, segments, shape, out, lse);
  }

  @TearDown
  public void close() {
    scope.close();
    backend.close();
  }

  @Benchmark
  public Tensor forward(Work work) {
    backend.attention(q, k, v, segments, shape, out, lse);
    work.flops(2 * product, roofs);
    return out;
  }

  @Benchmark
  public Tensor backward(Work work) {
    backend.attentionBackward(
        dout, q, k, v, out, lse, segments, shape, dq, false, dk, false, dv, false);
    work.flops(5 * product, roofs);
    return dq;
  }
}
