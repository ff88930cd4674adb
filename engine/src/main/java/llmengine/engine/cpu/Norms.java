// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import llmengine.engine.Tensor;

/**
 * Root-mean-square and layer norms, forward above backward. A row is staged in heap scratch; sums
 * are those of {@link Sums}. Weight gradients go over blocks of columns and ascending rows, in
 * groups of fixed length.
 */
final class Norms {
  // Scratch slots.
  private static final int X = 0;
  private static final int DY = 1;
  private static final int W = 2;
  private static final int OUT = 3;
  private static final int B = 4;
  private static final int NORMAL = 5;
  private static final int SUM = 6;
  private static final int SUM_B = 7;
  private static final int TOTAL = 8;
  private static final int TOTAL_B = 9;

  /** Columns of a weight gradient that one chunk sums. */
  private static final int COLUMNS = 256;

  /** Rows that are summed before the sum is added to the total: part of the arithmetic. */
  static final int GROUP = 32;

  private final Team team;

  Norms(Team team) {
    this.team = team;
  }

  private static float[] zeroPadded(Tensor t, int row, int n, Scratch scratch, int slot) {
    float[] values = Pieces.load(t, row, 0, n, scratch, slot);
    Scratch.zeroPadding(values, n);
    return values;
  }

  /** w + offset, zero in the padding. */
  private static float[] weight(Tensor w, float offset, int n, Scratch scratch) {
    float[] values = Pieces.load(w, 0, 0, n, scratch, W);
    if (offset != 0) {
      Rowwise.shift(values, offset, values, n);
    }
    Scratch.zeroPadding(values, n);
    return values;
  }

  void rms(Tensor x, Tensor w, float offset, float eps, Tensor out, Tensor rstd) {
    int n = x.cols();
    Pieces.eachRow(
        team,
        x.rows(),
        n,
        (row, scratch) -> {
          float[] v = zeroPadded(x, row, n, scratch, X);
          float[] g = weight(w, offset, n, scratch);
          float mean = Sums.dot(v, 0, v, 0, n) / n;
          float inverse = (float) (1 / Math.sqrt((double) mean + eps));
          Window.putFloat(Pieces.address(rstd, 0, row), inverse);
          float[] y = scratch.slot(OUT, n);
          Rowwise.scaleMultiply(v, inverse, g, y, n);
          Store.set(y, 0, n, Pieces.address(out, row, 0));
        });
  }

  // With g = dy * w: dx = g rstd - x rstd^3 (g . x) / n, dw = sum of dy x rstd.
  void rmsBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      float offset,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      boolean accumulateW) {
    int n = x.cols();
    if (dx != null) {
      Pieces.eachRow(
          team,
          x.rows(),
          2 * n,
          (row, scratch) -> {
            float[] v = zeroPadded(x, row, n, scratch, X);
            float[] g = zeroPadded(dy, row, n, scratch, DY);
            Rowwise.multiply(g, weight(w, offset, n, scratch), g, n);
            float s = Window.getFloat(Pieces.address(rstd, 0, row));
            float dot = Sums.dot(g, 0, v, 0, n);
            float[] d = scratch.slot(OUT, n);
            Rowwise.combine(g, s, v, -(s * s * s * (dot / n)), d, n);
            Store.run(d, 0, n, Pieces.address(dx, row, 0), accumulateX);
          });
    }
    if (dw != null) {
      eachBlock(
          n,
          (column, width, scratch) -> {
            float[] total = zeros(scratch, TOTAL, width);
            for (int from = 0; from < x.rows(); from += GROUP) {
              float[] sum = zeros(scratch, SUM, width);
              for (int row = from; row < Math.min(x.rows(), from + GROUP); row++) {
                float[] g = Pieces.load(dy, row, column, width, scratch, DY);
                float[] v = Pieces.load(x, row, column, width, scratch, X);
                float s = Window.getFloat(Pieces.address(rstd, 0, row));
                Rowwise.addProduct(v, g, s, sum, width);
              }
              Rowwise.accumulate(sum, total, width);
            }
            Store.run(total, 0, width, Pieces.address(dw, 0, column), accumulateW);
          });
    }
  }

  void layer(Tensor x, Tensor w, Tensor b, float eps, Tensor out, Tensor mean, Tensor rstd) {
    int n = x.cols();
    Pieces.eachRow(
        team,
        x.rows(),
        n,
        (row, scratch) -> {
          float[] v = zeroPadded(x, row, n, scratch, X);
          float mu = Sums.sum(v, n) / n;
          Rowwise.shift(v, -mu, v, n);
          Scratch.zeroPadding(v, n);
          float variance = Sums.dot(v, 0, v, 0, n) / n;
          float inverse = (float) (1 / Math.sqrt((double) variance + eps));
          Window.putFloat(Pieces.address(mean, 0, row), mu);
          Window.putFloat(Pieces.address(rstd, 0, row), inverse);
          float[] y = scratch.slot(OUT, n);
          Rowwise.scaleMultiply(v, inverse, weight(w, 0, n, scratch), y, n);
          if (b != null) {
            Rowwise.add(y, Pieces.load(b, 0, 0, n, scratch, B), y, n);
          }
          Store.set(y, 0, n, Pieces.address(out, row, 0));
        });
  }

  // With g = dy * w and z = (x - mean) rstd: dx = rstd (g - mean(g) - z mean(g z)).
  void layerBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      Tensor mean,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      Tensor db,
      boolean accumulateW) {
    int n = x.cols();
    if (dx != null) {
      Pieces.eachRow(
          team,
          x.rows(),
          2 * n,
          (row, scratch) -> {
            float[] z = normal(x, mean, rstd, row, 0, n, scratch);
            Scratch.zeroPadding(z, n);
            float[] g = zeroPadded(dy, row, n, scratch, DY);
            Rowwise.multiply(g, weight(w, 0, n, scratch), g, n);
            float s = Window.getFloat(Pieces.address(rstd, 0, row));
            float average = Sums.sum(g, n) / n;
            float dot = Sums.dot(g, 0, z, 0, n) / n;
            float[] d = scratch.slot(OUT, n);
            Rowwise.combine(g, 1, z, -dot, d, n);
            Rowwise.shift(d, -average, d, n);
            Rowwise.scale(d, s, d, n);
            Store.run(d, 0, n, Pieces.address(dx, row, 0), accumulateX);
          });
    }
    if (dw == null && db == null) {
      return;
    }
    eachBlock(
        n,
        (column, width, scratch) -> {
          float[] total = zeros(scratch, TOTAL, width);
          float[] totalB = zeros(scratch, TOTAL_B, width);
          for (int from = 0; from < x.rows(); from += GROUP) {
            float[] sum = zeros(scratch, SUM, width);
            float[] sumB = zeros(scratch, SUM_B, width);
            for (int row = from; row < Math.min(x.rows(), from + GROUP); row++) {
              float[] g = Pieces.load(dy, row, column, width, scratch, DY);
              float[] z = normal(x, mean, rstd, row, column, width, scratch);
              Rowwise.addProduct(z, g, 1, sum, width);
              Rowwise.accumulate(g, sumB, width);
            }
            Rowwise.accumulate(sum, total, width);
            Rowwise.accumulate(sumB, totalB, width);
          }
          if (dw != null) {
            Store.run(total, 0, width, Pieces.address(dw, 0, column), accumulateW);
          }
          if (db != null) {
            Store.run(totalB, 0, width, Pieces.address(db, 0, column), accumulateW);
          }
        });
  }

  /** out (+)= x * row, in each row. */
  void multiplyRow(Tensor x, Tensor row, Tensor out, boolean accumulate) {
    int columns = x.cols();
    Pieces.eachRow(
        team,
        x.rows(),
        columns,
        (r, scratch) -> {
          for (int c = 0; c < columns; c += Pieces.SIZE) {
            int n = Math.min(Pieces.SIZE, columns - c);
            float[] v = Pieces.load(x, r, c, n, scratch, X);
            Rowwise.multiply(v, Pieces.load(row, 0, c, n, scratch, W), v, n);
            Store.run(v, 0, n, Pieces.address(out, r, c), accumulate);
          }
        });
  }

  /** out (N) = sum over the rows of x. */
  void sumRows(Tensor x, Tensor out, boolean accumulate) {
    eachBlock(
        x.cols(),
        (column, width, scratch) -> {
          float[] total = zeros(scratch, TOTAL, width);
          for (int from = 0; from < x.rows(); from += GROUP) {
            float[] sum = zeros(scratch, SUM, width);
            for (int row = from; row < Math.min(x.rows(), from + GROUP); row++) {
              Rowwise.accumulate(Pieces.load(x, row, column, width, scratch, X), sum, width);
            }
            Rowwise.accumulate(sum, total, width);
          }
          Store.run(total, 0, width, Pieces.address(out, 0, column), accumulate);
        });
  }

  private static float[] normal(
      Tensor x, Tensor mean, Tensor rstd, int row, int column, int n, Scratch scratch) {
    float[] v = Pieces.load(x, row, column, n, scratch, X);
    float[] z = scratch.slot(NORMAL, n);
    Rowwise.shift(v, -Window.getFloat(Pieces.address(mean, 0, row)), z, n);
    Rowwise.scale(z, Window.getFloat(Pieces.address(rstd, 0, row)), z, n);
    return z;
  }

  private interface Block {
    void run(int column, int width, Scratch scratch);
  }

  private void eachBlock(int columns, Block block) {
    team.run(
        (chunk, worker) -> {
          int column = chunk * COLUMNS;
          block.run(column, Math.min(COLUMNS, columns - column), team.scratch(worker));
        },
        Gemm.ceilDiv(columns, COLUMNS));
  }

  private static float[] zeros(Scratch scratch, int slot, int n) {
    float[] buffer = scratch.slot(slot, n);
    java.util.Arrays.fill(buffer, 0, Scratch.padded(n), 0);
    return buffer;
  }
}
