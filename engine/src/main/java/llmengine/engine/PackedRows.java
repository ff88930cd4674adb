package llmengine.engine;

import java.util.List;
import java.util.Optional;

/** Rows {@code from} (inclusive) to {@code to} (exclusive) of a packed matrix, as a view. */
record PackedRows(Packing whole, int from, int to) implements Packing {
  @Override
  public String name() {
    return whole.name();
  }

  @Override
  public int rows() {
    return to - from;
  }

  @Override
  public int cols() {
    return whole.cols();
  }

  @Override
  public List<Tensor> parts() {
    return whole.parts();
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] dst, int at, int stride) {
    whole.decode(from + row, col, rows, cols, dst, at, stride);
  }

  @Override
  public Optional<CodedRows> codedRows() {
    return whole
        .codedRows()
        .filter(rows -> rows.order().canStartAt(from) && rows.order().canStartAt(to))
        .map(rows -> rows.from(from));
  }

  @Override
  public Optional<FloatRows> floatRows() {
    return whole
        .floatRows()
        .filter(rows -> rows.order().canStartAt(from) && rows.order().canStartAt(to))
        .map(rows -> rows.from(from));
  }
}
