// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/**
 * One run of a case on one backend. Operands depend on the name of the case alone, so two backends
 * get the same. Inputs lie between NaNs and outputs between guard values, so that reading or
 * writing beyond a tensor shows; an output that is to be overwritten holds NaN before.
 */
final class OpRun implements AutoCloseable {
  /** How a matrix lies in memory: rows end to end, or as a slice of columns of a wider matrix. */
  enum View {
    WHOLE,
    COLUMNS
  }

  /**
   * What a case reports.
   *
   * @param norm size of the terms that were summed up
   * @param spreads whether more may be non-finite than in the reference, as where a tile's masked
   *     elements are multiplied by zero
   */
  record Result(String name, int cols, double[] values, double norm, boolean spreads) {}

  private record Guard(Tensor frame, int rows, int cols, int side) {}

  private static final float GUARD = -77777;

  private final Backend backend;
  private final Scope scope;
  private final SplittableRandom random;
  private final int poisonedInput;
  private final float poison;
  private final List<Guard> guards = new ArrayList<>();
  private final List<Result> results = new ArrayList<>();
  private int inputs;

  private OpRun(Backend backend, OpCase of, int poisonedInput, float poison) {
    this.backend = backend;
    this.scope = new Scope(backend, "contract");
    this.random = new SplittableRandom(of.name().hashCode());
    this.poisonedInput = poisonedInput;
    this.poison = poison;
  }

  /** The results of a case whose operands are all finite. */
  static List<Result> of(Backend backend, OpCase c) {
    return of(backend, c, -1, 0);
  }

  /** The results of a case with {@code poison} in one element of operand {@code input}. */
  static List<Result> of(Backend backend, OpCase c, int input, float poison) {
    try (OpRun run = new OpRun(backend, c, input, poison)) {
      c.body().accept(run);
      run.checkGuards(c);
      return run.results;
    }
  }

  /** Number of operands that can be poisoned. */
  static int inputs(Backend backend, OpCase c) {
    try (OpRun run = new OpRun(backend, c, -1, 0)) {
      c.body().accept(run);
      return run.inputs;
    }
  }

  static long digest(List<Result> results) {
    CRC32C crc = new CRC32C();
    for (Result r : results) {
      for (double v : r.values) {
        long bits = Double.doubleToLongBits(v);
        for (int shift = 0; shift < 64; shift += 8) {
          crc.update((int) (bits >>> shift));
        }
      }
    }
    return crc.getValue();
  }

  Backend backend() {
    return backend;
  }

  Scope scope() {
    return scope;
  }

  /** Normal deviates times {@code scale}, stored as {@code dtype}. */
  Tensor matrix(View view, DType dtype, double scale, int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    if (inputs == poisonedInput && values.length > 0) {
      values[Math.floorMod(31 * inputs + 17, values.length)] = poison;
    }
    inputs++;
    if (dtype == DType.PACKED) {
      return packed(values, rows, cols);
    }
    return framed(view, dtype, rows, cols, Float.NaN, false).set(values);
  }

  Tensor matrix(View view, int rows, int cols) {
    return matrix(view, DType.F32, 1, rows, cols);
  }

  Tensor vector(double scale, int n) {
    return matrix(View.WHOLE, DType.F32, scale, 1, n).reshape(n);
  }

  /** Squares of normal deviates: second moments. */
  Tensor positive(View view, int rows, int cols) {
    Tensor t = matrix(view, rows, cols);
    float[] values = t.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] *= values[i];
    }
    return t.set(values);
  }

  /** n integers in [0, bound), with repetitions. */
  Tensor ids(int n, int bound) {
    return scope.of(random.ints(n, 0, bound).toArray());
  }

  /** n distinct integers in [0, bound), ascending. */
  Tensor distinct(int n, int bound) {
    int[] all = random.ints(0, bound).distinct().limit(n).toArray();
    Arrays.sort(all);
    return scope.of(all);
  }

  /** Where a result goes: old values to add to, or NaN that must not survive. */
  Tensor output(View view, boolean accumulate, int rows, int cols) {
    float[] values = new float[rows * cols];
    Arrays.fill(values, Float.NaN);
    for (int i = 0; accumulate && i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return framed(view, DType.F32, rows, cols, GUARD, true).set(values);
  }

  Tensor outputVector(boolean accumulate, int n) {
    return output(View.WHOLE, accumulate, 1, n).reshape(n);
  }

  /** Reports a tensor; errors are measured against {@code norm} plus its largest value. */
  void result(String name, Tensor t, double norm) {
    result(name, t, norm, false);
  }

  /** Reports a tensor in which NaN and infinity may spread further than in the reference. */
  void spreading(String name, Tensor t, double norm) {
    result(name, t, norm, true);
  }

  private void result(String name, Tensor t, double norm, boolean spreads) {
    float[] values = t.toFloats();
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    results.add(new Result(name, t.cols(), wide, norm, spreads));
  }

  void result(String name, double value, double norm) {
    results.add(new Result(name, 1, new double[] {value}, norm, false));
  }

  private Tensor framed(View view, DType dtype, int rows, int cols, float border, boolean guard) {
    int side = view == View.COLUMNS ? 3 : 0;
    Tensor frame = scope.empty(dtype, rows + 2, cols + 3 * side);
    float[] values = new float[Math.toIntExact(frame.size())];
    Arrays.fill(values, border);
    frame.set(values);
    if (guard) {
      guards.add(new Guard(frame, rows, cols, side));
    }
    return frame.rows(1, rows + 1).columns(side, side + cols);
  }

  /** Rows of a packed matrix, between rows of NaN. */
  private Tensor packed(float[] values, int rows, int cols) {
    float[] frame = new float[(rows + 2) * cols];
    Arrays.fill(frame, Float.NaN);
    System.arraycopy(values, 0, frame, cols, values.length);
    return TransposedPacking.of(scope, frame, rows + 2, cols).rows(1, rows + 1);
  }

  private void checkGuards(OpCase c) {
    for (Guard g : guards) {
      float[] values = g.frame.toFloats();
      for (int i = 0; i < values.length; i++) {
        int row = i / g.frame.cols() - 1;
        int col = i % g.frame.cols() - g.side;
        boolean inside = row >= 0 && row < g.rows && col >= 0 && col < g.cols;
        if (!inside && values[i] != GUARD) {
          throw new AssertionError(
              c.name() + ": wrote outside its output, at row " + row + ", column " + col);
        }
      }
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
