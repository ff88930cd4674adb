// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.List;

/** A packed matrix (N, K) that holds any floats exactly: they lie by columns, (K, N). */
record TransposedPacking(Tensor columns) implements Packing {
  static Tensor of(Scope scope, float[] values, int rows, int cols) {
    float[] turned = new float[values.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        turned[c * rows + r] = values[r * cols + c];
      }
    }
    return scope.pack(new TransposedPacking(scope.of(turned, cols, rows)));
  }

  @Override
  public String name() {
    return "transposed";
  }

  @Override
  public int rows() {
    return columns.cols();
  }

  @Override
  public int cols() {
    return columns.rows();
  }

  @Override
  public List<Tensor> parts() {
    return List.of(columns);
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    float[] panel = columns.rows(col, col + cols).columns(row, row + rows).toFloats();
    for (int c = 0; c < cols; c++) {
      for (int r = 0; r < rows; r++) {
        to[at + r * stride + c] = panel[c * rows + r];
      }
    }
  }
}
