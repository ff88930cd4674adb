package llmengine.quant.bnb;

import java.util.function.Consumer;
import llmengine.engine.Tensor;
import llmengine.quant.Workers;

/**
 * Reads a matrix a few rows at a time, by several threads: each chunk is encoded by itself, so the
 * result does not depend on who does which.
 */
final class RowChunks {
  private static final int VALUES = 1 << 18;

  /**
   * Some rows in float32.
   *
   * @param row the first
   * @param values {@code count} of them, row-major; the array is used again
   */
  record Chunk(int row, int rows, float[] values, int count) {}

  private RowChunks() {}

  /**
   * @param unit every chunk but the last has a multiple of this many rows
   */
  static void forEach(Tensor weight, int unit, Consumer<Chunk> each) {
    int cols = weight.cols();
    int rows = Math.max(1, VALUES / Math.max(1, cols) / unit) * unit;
    Workers.each(
        Math.ceilDiv(weight.rows(), rows),
        () -> {
          float[] values = new float[Math.min(rows, weight.rows()) * cols];
          return chunk -> {
            int from = chunk * rows;
            int to = Math.min(weight.rows(), from + rows);
            weight.backend().read(weight.rows(from, to), values, 0);
            each.accept(new Chunk(from, to - from, values, (to - from) * cols));
          };
        });
  }
}
