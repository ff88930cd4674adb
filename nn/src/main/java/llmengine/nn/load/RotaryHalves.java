package llmengine.nn.load;

import java.util.List;
import java.util.Optional;
import llmengine.engine.CodedRows;
import llmengine.engine.FloatRows;
import llmengine.engine.Packing;
import llmengine.engine.StoredOrder;
import llmengine.engine.Tensor;

/**
 * A projection to heads whose rows lie in rotary pairs (2i, 2i + 1), seen in halves (i, i + D/2):
 * rows change places, nothing is copied.
 *
 * @param pairs (H * D, C) as stored
 * @param headDim D
 */
record RotaryHalves(Packing pairs, int headDim) implements Packing {
  @Override
  public String name() {
    return pairs.name() + " in rotary halves";
  }

  @Override
  public int rows() {
    return pairs.rows();
  }

  @Override
  public int cols() {
    return pairs.cols();
  }

  @Override
  public List<Tensor> parts() {
    return pairs.parts();
  }

  @Override
  public boolean isReplaceable() {
    return true;
  }

  @Override
  public Optional<CodedRows> codedRows() {
    return pairs
        .codedRows()
        .filter(rows -> rows.order().isPlain())
        .map(rows -> rows.in(new StoredOrder(headDim)));
  }

  @Override
  public Optional<FloatRows> floatRows() {
    return pairs
        .floatRows()
        .filter(rows -> rows.order().isPlain())
        .map(rows -> rows.in(new StoredOrder(headDim)));
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    int half = headDim / 2;
    for (int r = 0; r < rows; r++) {
      int inHead = (row + r) % headDim;
      int first = row + r - inHead;
      int stored = first + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
      pairs.decode(stored, col, 1, cols, to, at + r * stride, stride);
    }
  }
}
