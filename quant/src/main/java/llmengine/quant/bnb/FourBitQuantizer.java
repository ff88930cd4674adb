package llmengine.quant.bnb;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;
import llmengine.quant.WeightQuantizer;

/**
 * NF4 and FP4 as bitsandbytes packs them: each block of values is divided by its largest magnitude
 * and rounded to the nearest of 16 values. Codes are the same bit by bit, and with double
 * quantization the codes of scales are those of its portable code (its native CPU kernel rounds to
 * a grid first), but for a mean that is summed in float64.
 */
public final class FourBitQuantizer implements WeightQuantizer {
  /** Codes to a scale of scales. */
  static final int NESTED_BLOCK = 256;

  private final FourBitCode code;
  private final int blockSize;
  private final boolean nested;

  private FourBitQuantizer(FourBitCode code, int blockSize, boolean nested) {
    if (Integer.bitCount(blockSize) != 1 || blockSize < 32 || blockSize > 4096) {
      throw new FormatException(
          code.name()
              + ": block size: expected a power of two from 32 to 4096, got "
              + blockSize
              + ".");
    }
    this.code = code;
    this.blockSize = blockSize;
    this.nested = nested;
  }

  /**
   * @param blockSize values to a scale: 64 unless asked otherwise
   * @param nested whether scales are kept in 8 bits (double quantization)
   */
  public static FourBitQuantizer nf4(int blockSize, boolean nested) {
    return new FourBitQuantizer(Nf4.CODE, blockSize, nested);
  }

  /** As {@link #nf4} with the 4-bit float. */
  public static FourBitQuantizer fp4(int blockSize, boolean nested) {
    return new FourBitQuantizer(Fp4.CODE, blockSize, nested);
  }

  @Override
  public String name() {
    return code.name();
  }

  @Override
  public long bytes(int rows, int cols) {
    long values = (long) rows * cols;
    long blocks = Math.ceilDiv(values, (long) blockSize);
    return (values + 1) / 2
        + (nested ? blocks + 4 * Math.ceilDiv(blocks, (long) NESTED_BLOCK) : 4 * blocks);
  }

  @Override
  public Tensor quantize(Scope scope, String name, Tensor weight) {
    int rows = weight.rows();
    int cols = weight.cols();
    long values = (long) rows * cols;
    int blocks = Math.toIntExact(Math.ceilDiv(values, (long) blockSize));
    Tensor codes = scope.empty(DType.U8, Math.toIntExact((values + 1) / 2));
    float[] scales = new float[blocks];
    MemorySegment bytes = HostMemory.of(codes);
    // whole blocks to a chunk, so that no two chunks share a byte or a scale
    RowChunks.forEach(
        weight, blockSize / gcd(cols, blockSize), chunk -> encode(name, chunk, bytes, scales));
    return scope.pack(
        new FourBitMatrix(
            code.name(),
            rows,
            cols,
            blockSize,
            codes,
            nested ? nested(scope, scales) : plain(scope, scales),
            code.values()));
  }

  private void encode(String name, RowChunks.Chunk chunk, MemorySegment bytes, float[] scales) {
    float[] values = chunk.values();
    long start = (long) chunk.row() * (chunk.count() / chunk.rows());
    byte[] packed = new byte[(chunk.count() + 1) / 2];
    for (int at = 0; at < chunk.count(); at += blockSize) {
      int n = Math.min(blockSize, chunk.count() - at);
      float scale = Blockwise8.largest(values, at, n);
      if (!Float.isFinite(scale)) {
        throw notFinite(
            name, chunk.row() + firstNotFinite(values) / (chunk.count() / chunk.rows()));
      }
      float divisor = Math.max(scale, Blockwise8.LEAST);
      boolean whole = n == blockSize;
      float inverse = 1 / divisor;
      for (int i = 0; i < n; i++) {
        float scaled = whole ? values[at + i] * inverse : values[at + i] / divisor;
        int c = code.nearest(Math.clamp(scaled, -1f, 1f));
        packed[at + i >> 1] |= (byte) ((i & 1) == 0 ? c << 4 : c);
      }
      scales[(int) ((start + at) / blockSize)] = whole ? scale : divisor;
    }
    if ((chunk.count() & 1) != 0) {
      packed[packed.length - 1] |= (byte) code.nearest(0);
    }
    MemorySegment.copy(packed, 0, bytes, ValueLayout.JAVA_BYTE, start / 2, packed.length);
  }

  private static BlockScales plain(Scope scope, float[] scales) {
    return new BlockScales.Plain(scope.of(scales, scales.length));
  }

  private static BlockScales nested(Scope scope, float[] scales) {
    double sum = 0;
    for (float s : scales) {
      sum += s;
    }
    float offset = (float) (sum / Math.max(1, scales.length));
    float[] centred = new float[scales.length];
    for (int i = 0; i < scales.length; i++) {
      centred[i] = scales[i] - offset;
    }
    byte[] codes = new byte[scales.length];
    float[] nested = new float[Math.ceilDiv(scales.length, NESTED_BLOCK)];
    Blockwise8.SIGNED.encode(centred, NESTED_BLOCK, codes, nested);
    Tensor kept = scope.empty(DType.U8, codes.length);
    MemorySegment.copy(codes, 0, HostMemory.of(kept), ValueLayout.JAVA_BYTE, 0, codes.length);
    return new BlockScales.Nested(
        kept, scope.of(nested, nested.length), Blockwise8.SIGNED.table(), offset, NESTED_BLOCK);
  }

  static int firstNotFinite(float[] values) {
    int i = 0;
    while (Float.isFinite(values[i])) {
      i++;
    }
    return i;
  }

  static FormatException notFinite(String name, int row) {
    return new FormatException(
        name
            + ": can't be quantized: expected finite values, got NaN or infinity in row "
            + row
            + ". The checkpoint is damaged; download or save it again.");
  }

  private static int gcd(int a, int b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
