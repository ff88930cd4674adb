package llmengine.quant.bnb;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;
import llmengine.quant.WeightQuantizer;

/**
 * LLM.int8(): each row of a weight, rounded to half precision first, is divided by its largest
 * magnitude and rounded to a whole number of 127ths.
 */
public final class Int8Quantizer implements WeightQuantizer {
  /** Magnitude from which bitsandbytes takes an activation for an outlier. */
  public static final float THRESHOLD = 6;

  private final float threshold;

  /**
   * @param threshold magnitude of activations that stay in float; 0 codes all of them
   */
  public Int8Quantizer(float threshold) {
    this.threshold = threshold;
  }

  @Override
  public String name() {
    return "int8";
  }

  @Override
  public long bytes(int rows, int cols) {
    return (long) rows * cols + 4L * rows;
  }

  @Override
  public Tensor quantize(Scope scope, String name, Tensor weight) {
    int cols = weight.cols();
    Tensor codes = scope.empty(DType.I8, weight.rows(), cols);
    float[] scales = new float[weight.rows()];
    MemorySegment bytes = HostMemory.of(codes);
    RowChunks.forEach(
        weight,
        1,
        chunk -> {
          byte[] packed = new byte[chunk.count()];
          float[] row = new float[cols];
          for (int r = 0; r < chunk.rows(); r++) {
            System.arraycopy(chunk.values(), r * cols, row, 0, cols);
            float scale = Int8Matrix.encode(row, 0, null);
            if (!Float.isFinite(scale)) {
              throw FourBitQuantizer.notFinite(name, chunk.row() + r);
            }
            scales[chunk.row() + r] = scale;
            for (int c = 0; c < cols; c++) {
              packed[r * cols + c] = (byte) row[c];
            }
          }
          MemorySegment.copy(
              packed, 0, bytes, ValueLayout.JAVA_BYTE, (long) chunk.row() * cols, packed.length);
        });
    Tensor kept = scope.of(scales, scales.length);
    return scope.pack(new Int8Matrix(scope, codes, kept, threshold));
  }
}
