package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;
import llmengine.quant.WeightQuantizer;
import llmengine.quant.Workers;

/**
 * EETQ's weights of 8 bits: each output's largest magnitude is 128 steps, so that the largest
 * positive value itself is clipped to 127; halves are rounded away from zero. Codes are made with
 * the scale in float32, which is then kept in half precision.
 */
public final class EetqQuantizer implements WeightQuantizer {
  private static final int PIECE = 1 << 18;

  @Override
  public String name() {
    return "eetq";
  }

  @Override
  public long bytes(int rows, int cols) {
    return (long) rows * cols + 2L * rows;
  }

  @Override
  public Tensor quantize(Scope scope, String name, Tensor weight) {
    int cols = weight.cols();
    Tensor codes = scope.empty(DType.I8, weight.rows(), cols);
    MemorySegment bytes = HostMemory.of(codes);
    float[] scales = new float[weight.rows()];
    int perPiece = Math.max(1, PIECE / Math.max(1, cols));
    Workers.run(
        Math.ceilDiv(weight.rows(), perPiece),
        piece -> {
          int from = piece * perPiece;
          int to = Math.min(weight.rows(), from + perPiece);
          float[] values = weight.rows(from, to).toFloats();
          byte[] row = new byte[cols];
          for (int r = from; r < to; r++) {
            scales[r] = encode(name, r, values, (r - from) * cols, row);
            MemorySegment.copy(row, 0, bytes, HostMemory.BYTE, (long) r * cols, cols);
          }
        });
    Tensor kept = scope.empty(DType.F16, weight.rows()).set(scales);
    return scope.pack(new Int8Channels(codes, new SideValues(kept)));
  }

  private static float encode(String name, int row, float[] values, int at, byte[] codes) {
    float largest = 0;
    for (int c = 0; c < codes.length; c++) {
      largest = Math.max(largest, Math.abs(values[at + c]));
    }
    float scale = largest / 128;
    if (!Float.isFinite(largest) || scale > 65504) {
      throw new FormatException(
          name
              + ": can't be quantized: expected finite values whose scale is a half, got "
              + largest
              + " in row "
              + row
              + ". The checkpoint is damaged; download or save it again.");
    }
    for (int c = 0; c < codes.length; c++) {
      float steps = scale == 0 ? 0 : values[at + c] / scale;
      float rounded = (float) Math.floor(Math.abs(steps) + 0.5);
      codes[c] = (byte) Math.clamp(steps < 0 ? -rounded : rounded, -128, 127);
    }
    return scale;
  }
}
