package llmengine.benchmarks;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import llmengine.engine.BlockFormat;
import llmengine.quant.encode.BlockEncoder;
import llmengine.quant.encode.BlockEncoders;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Encoding and decoding of GGUF blocks by one thread. The counter {@code mega} is millions of
 * values per second.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
      "-Xmx1g"
    })
public class BlockCodecBenchmark {
  private static final int VALUES = 1 << 16;

  @Param({
    "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    "IQ4_NL", "IQ4_XS", "MXFP4", "TQ1_0", "TQ2_0"
  })
  String type;

  private BlockEncoder encoder;
  private BlockFormat format;
  private float[] values;
  private float[] decoded;
  private byte[] bytes;
  private MemorySegment segment;
  private int blocks;

  /** Work done, as JMH counts it. */
  @AuxCounters
  @State(Scope.Thread)
  public static class Work {
    public double mega;
  }

  @Setup
  public void setup() {
    encoder = BlockEncoders.named(type).orElseThrow();
    format = encoder.format();
    blocks = VALUES / format.blockValues();
    Random random = new Random(1);
    values = new float[VALUES];
    for (int i = 0; i < VALUES; i++) {
      values[i] = (float) random.nextGaussian();
    }
    decoded = new float[VALUES];
    bytes = new byte[blocks * format.blockBytes()];
    segment = MemorySegment.ofArray(bytes);
    encoder.encode(values, 0, bytes, 0, blocks);
  }

  @Benchmark
  public byte[] encode(Work work) {
    encoder.encode(values, 0, bytes, 0, blocks);
    work.mega += VALUES * 1e-6;
    return bytes;
  }

  @Benchmark
  public float[] decode(Work work) {
    format.decode(segment, 0, decoded, 0, blocks);
    work.mega += VALUES * 1e-6;
    return decoded;
  }
}
