package llmengine.benchmarks;

import java.util.Random;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockMatrix;
import llmengine.engine.Buffer;
import llmengine.engine.DType;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.bnb.FourBitQuantizer;
import llmengine.quant.encode.BlockEncoder;
import llmengine.quant.encode.BlockEncoders;

/**
 * Normally distributed weights in any form that they can be held in. The same 16 rows over and
 * over: what they hold does not matter, and encoding takes long.
 */
final class Weights {
  private Weights() {}

  /**
   * A matrix (N, K): F32, BF16 or F16 as plain tensors, NF4, and any other name as packed blocks.
   */
  static Tensor of(Scope scope, String format, int rows, int cols) {
    if (format.equals("F32") || format.equals("BF16") || format.equals("F16")) {
      return plain(scope, DType.valueOf(format), rows, cols);
    }
    if (format.equals("NF4")) {
      try (Scope plain = new Scope(scope.backend(), "weights")) {
        Tensor values = plain(plain, DType.F32, rows, cols);
        return FourBitQuantizer.nf4(64, false).quantize(scope, format, values);
      }
    }
    return scope.pack(packed(scope, format, rows, cols));
  }

  /** A matrix (N, K) in blocks of a format, also where a plain tensor could hold it. */
  static Packing packed(Scope scope, String format, int rows, int cols) {
    float[] values = values(cols);
    BlockEncoder encoder = BlockEncoders.named(format).orElseThrow();
    BlockFormat blocks = encoder.format();
    int rowBytes = cols / blocks.blockValues() * blocks.blockBytes();
    byte[] encoded = new byte[16 * rowBytes];
    encoder.encode(values, 0, encoded, 0, values.length / blocks.blockValues());
    Tensor bytes = scope.empty(DType.U8, rows, rowBytes);
    var memory = ((Buffer.Host) bytes.buffer()).segment().asByteBuffer();
    for (int r = 0; r < rows; r++) {
      memory.put(encoded, r % 16 * rowBytes, rowBytes);
    }
    return new BlockMatrix(blocks, bytes, cols);
  }

  /** Sixteen rows. */
  private static float[] values(int cols) {
    float[] values = new float[16 * cols];
    Random random = new Random(1);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.05 * random.nextGaussian());
    }
    return values;
  }

  private static Tensor plain(Scope scope, DType dtype, int rows, int cols) {
    float[] values = values(cols);
    Tensor t = scope.empty(dtype, rows, cols);
    float[] row = new float[cols];
    for (int r = 0; r < rows; r++) {
      System.arraycopy(values, r % 16 * cols, row, 0, cols);
      t.rows(r, r + 1).set(row);
    }
    return t;
  }

  /** Bytes that a product reads. */
  static long bytes(Tensor w) {
    return w.dtype() == DType.PACKED ? w.packing().bytes() : w.size() * w.dtype().bytes();
  }
}
