// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import llmengine.engine.Tensor;

/** Rows picked from a table by index, and their gradients put back. */
final class Tables {
  private static final int ROW = 0;

  /** Columns that one chunk of a scatter owns; chunks never share an element, so order is kept. */
  private static final int COLUMNS = 512;

  private Tables() {}

  /** out[m] = table[ids[m]] * scale. */
  static void gather(Team team, Tensor table, Tensor ids, float scale, Tensor out) {
    int n = out.cols();
    Pieces.eachRow(
        team,
        out.rows(),
        n,
        (row, scratch) -> {
          int id = Pieces.integer(ids, row);
          for (int c = 0; c < n; c += Pieces.SIZE) {
            int width = Math.min(Pieces.SIZE, n - c);
            float[] values = Pieces.load(table, id, c, width, scratch, ROW);
            if (scale != 1) {
              Rowwise.scale(values, scale, values, width);
            }
            Store.set(values, 0, width, Pieces.address(out, row, c));
          }
        });
  }

  /** dtable[ids[m]] += scale * dout[m], m ascending. */
  static void scatterAdd(Team team, Tensor dout, Tensor ids, float scale, Tensor dtable) {
    int n = dout.cols();
    int width = Math.max(64, Math.min(COLUMNS, Gemm.roundUp(Gemm.ceilDiv(n, team.threads()), 16)));
    team.run(
        (chunk, worker) -> {
          int column = chunk * width;
          int count = Math.min(width, n - column);
          for (int row = 0; row < dout.rows(); row++) {
            float[] values = Pieces.load(dout, row, column, count, team.scratch(worker), ROW);
            if (scale != 1) {
              Rowwise.scale(values, scale, values, count);
            }
            Store.add(values, 0, count, Pieces.address(dtable, Pieces.integer(ids, row), column));
          }
        },
        Gemm.ceilDiv(n, width));
  }
}
