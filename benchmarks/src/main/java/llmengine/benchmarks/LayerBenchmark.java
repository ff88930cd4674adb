package llmengine.benchmarks;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.Update;
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
 * What is bound by memory: norms, cross-entropy and AdamW. Bytes are those that have to be moved at
 * least: of RMSNorm x and out (backward x, dy, dx), of cross-entropy with gradients the logits read
 * and written, of AdamW p, m, v read and written and g read. The share of a triad in memory exceeds
 * 1 where data stay in the caches.
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
public class LayerBenchmark {
  private static final float EPS = 1e-5f;

  /** Rows and columns: activations for norms, logits for cross-entropy, weights for AdamW. */
  @Param({"1024x576", "1024x2048", "256x49152", "64x128256", "49152x576"})
  String shape;

  private VectorBackend backend;
  private Scope scope;
  private Roofs roofs;
  private Tensor x;
  private Tensor y;
  private Tensor dx;
  private Tensor v;
  private Tensor w; // (N)
  private Tensor rstd; // (M)
  private Tensor mean; // (M)
  private Tensor dw; // (N)
  private Tensor db; // (N)
  private Tensor targets; // (M)
  private Tensor losses; // (M)
  private Update.AdamW rule;
  private double matrix; // bytes of a matrix

  @Setup
  public void open() {
    String[] sizes = shape.split("x");
    int rows = Integer.parseInt(sizes[0]);
    int cols = Integer.parseInt(sizes[1]);
    matrix = 4.0 * rows * cols;
    backend = new VectorBackend();
    roofs = Roofs.of(backend.threads());
    scope = new Scope(backend, "benchmark");
    x = Weights.of(scope, "F32", rows, cols);
    y = Weights.of(scope, "F32", rows, cols);
    dx = scope.zeros(DType.F32, rows, cols);
    v = scope.zeros(DType.F32, rows, cols);
    w = scope.zeros(DType.F32, cols);
    dw = scope.zeros(DType.F32, cols);
    db = scope.zeros(DType.F32, cols);
    rstd = scope.empty(DType.F32, rows);
    mean = scope.empty(DType.F32, rows);
    losses = scope.empty(DType.F32, rows);
    targets = scope.of(new Random(1).ints(rows, 0, cols).toArray());
    rule = new Update.AdamW(1, 1e-5, 0.9, 0.999, 1e-8, 0.01, 10);
    backend.rmsNorm(x, w, 1, EPS, dx, rstd);
    backend.layerNorm(x, w, w, EPS, dx, mean, losses);
  }

  @TearDown
  public void close() {
    scope.close();
    backend.close();
  }

  @Benchmark
  public Tensor rmsNorm(Work work) {
    backend.rmsNorm(x, w, 1, EPS, dx, rstd);
    work.moves(2 * matrix, roofs);
    return dx;
  }

  @Benchmark
  public Tensor rmsNormBackward(Work work) {
    backend.rmsNormBackward(y, x, w, 1, rstd, dx, false, dw, false);
    work.moves(3 * matrix, roofs);
    return dx;
  }

  @Benchmark
  public Tensor layerNorm(Work work) {
    backend.layerNorm(x, w, w, EPS, dx, mean, rstd);
    work.moves(2 * matrix, roofs);
    return dx;
  }

  @Benchmark
  public Tensor layerNormBackward(Work work) {
    backend.layerNormBackward(y, x, w, mean, rstd, dx, false, dw, db, false);
    work.moves(3 * matrix, roofs);
    return dx;
  }

  /** Losses and, in place, gradients. */
  @Benchmark
  public Tensor crossEntropy(Work work) {
    backend.crossEntropy(x, targets, 0, 1, losses);
    work.moves(2 * matrix, roofs);
    return losses;
  }

  @Benchmark
  public Tensor adamW(Work work) {
    backend.update(rule, x, y, dx, v);
    work.moves(7 * matrix, roofs);
    return x;
  }
}
