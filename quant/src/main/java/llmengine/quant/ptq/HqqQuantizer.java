package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;
import llmengine.quant.WeightQuantizer;
import llmengine.quant.Workers;

/**
 * HQQ without calibration data. The solver stops for the whole matrix at once, so it goes over the
 * weight up to twenty times, some groups at a time, in float32 as hqq does on a CPU; scales and
 * zero points are kept in float32.
 */
public final class HqqQuantizer implements WeightQuantizer {
  private static final int PIECE_GROUPS = 2048;

  private final int bits;
  private final int groupSize;
  private final int axis;

  /**
   * @param bits 1, 2, 3, 4, 5, 6 or 8
   * @param groupSize values to a scale; LLaMA-Factory has 64
   * @param axis 0, as LLaMA-Factory has it, or 1; see {@link HqqLayout}
   */
  public HqqQuantizer(int bits, int groupSize, int axis) {
    if (!HqqLayout.supports(bits) || groupSize < 1 || axis != 0 && axis != 1) {
      throw new FormatException(
          "hqq: no such format: expected 1, 2, 3, 4, 5, 6 or 8 bits, groups of 1 or more and axis 0"
              + " or 1, got %d bits, groups of %d and axis %d.".formatted(bits, groupSize, axis));
    }
    this.bits = bits;
    this.groupSize = groupSize;
    this.axis = axis;
  }

  @Override
  public String name() {
    return "hqq";
  }

  @Override
  public long bytes(int rows, int cols) {
    HqqLayout layout = HqqLayout.of(bits, axis, (long) rows * cols, groupSize);
    return (long) layout.step() * layout.cols() * layout.elementBytes() + 8L * layout.groups();
  }

  @Override
  public Tensor quantize(Scope scope, String name, Tensor weight) {
    long values = (long) weight.rows() * weight.cols();
    HqqLayout layout = HqqLayout.of(bits, axis, values, groupSize);
    if (values % groupSize != 0 || !layout.fits()) {
      throw new FormatException(
          name
              + ": can't be quantized by HQQ: expected a number of values that fills groups of "
              + groupSize
              + " and elements of "
              + layout.parts()
              + " codes, got "
              + weight.shape()
              + ".");
    }
    Work work = new Work(name, weight.reshape(layout.rows(), layout.cols()), layout);
    work.solve();
    DType dtype = layout.elementBytes() == 4 ? DType.I32 : DType.U8;
    Tensor elements = scope.empty(dtype, layout.step(), layout.cols());
    work.pack(HostMemory.of(elements));
    return scope.pack(
        new Hqq(
            weight.rows(),
            weight.cols(),
            layout,
            elements,
            new SideValues(scope.of(work.inverted(), layout.groups())),
            new SideValues(scope.of(work.zeros, layout.groups()))));
  }

  /** One matrix on its way, cut as {@link HqqLayout} does, in pieces of whole groups. */
  private static final class Work {
    final String name;
    final Tensor matrix;
    final HqqLayout layout;
    final HqqSolver solver;
    final int size; // values of a group
    final int span; // columns, or for axis 1 rows of elements, in a piece
    final int pieces;
    final float[] scales;
    final float[] zeros;

    Work(String name, Tensor matrix, HqqLayout layout) {
      this.name = name;
      this.matrix = matrix;
      this.layout = layout;
      this.solver = new HqqSolver(layout.bits());
      boolean columns = layout.axis() == 0;
      this.size = columns ? layout.rows() : layout.cols();
      this.span = columns ? PIECE_GROUPS : Math.max(1, PIECE_GROUPS / layout.parts());
      this.pieces = Math.ceilDiv(columns ? layout.cols() : layout.step(), span);
      this.scales = new float[layout.groups()];
      this.zeros = new float[layout.groups()];
    }

    /** The groups of a piece; -1 where a last element has no row to fill it. */
    int[] groups(int piece) {
      int from = piece * span;
      if (layout.axis() == 0) {
        int[] groups = new int[Math.min(span, layout.cols() - from)];
        Arrays.setAll(groups, i -> from + i);
        return groups;
      }
      int count = Math.min(span, layout.step() - from);
      int[] groups = new int[count * layout.parts()];
      for (int i = 0; i < groups.length; i++) {
        int row = i / count * layout.step() + from + i % count;
        groups[i] = row < layout.rows() ? row : -1;
      }
      return groups;
    }

    /** Values of a piece, (size, groups). */
    float[] read(int[] groups) {
      if (layout.axis() == 0) {
        return matrix.columns(groups[0], groups[0] + groups.length).toFloats();
      }
      float[] values = new float[size * groups.length];
      for (int g = 0; g < groups.length; g++) {
        if (groups[g] >= 0) {
          float[] row = matrix.rows(groups[g], groups[g] + 1).toFloats();
          for (int i = 0; i < size; i++) {
            values[i * groups.length + g] = row[i];
          }
        }
      }
      return values;
    }

    float[] of(int[] groups, float[] all) {
      float[] some = new float[groups.length];
      for (int g = 0; g < some.length; g++) {
        some[g] = groups[g] < 0 ? 1 : all[groups[g]];
      }
      return some;
    }

    void keep(int[] groups, float[] some, float[] all) {
      for (int g = 0; g < some.length; g++) {
        if (groups[g] >= 0) {
          all[groups[g]] = some[g];
        }
      }
    }

    void solve() {
      double count = (double) layout.rows() * layout.cols();
      float best = 1e4f;
      double[] errors = new double[pieces];
      for (int i = 0; i < HqqSolver.MOST_ITERATIONS; i++) {
        boolean first = i == 0;
        Workers.run(pieces, piece -> errors[piece] = improve(piece, first));
        // a mean in float32 as the original compares it, and the same for any number of threads
        float error = (float) (Arrays.stream(errors).sum() / count);
        if (error >= best) {
          return;
        }
        best = error;
      }
    }

    private double improve(int piece, boolean first) {
      int[] groups = groups(piece);
      float[] values = read(groups);
      float[] scale = of(groups, scales);
      float[] zero = of(groups, zeros);
      if (first) {
        solver.start(values, size, groups.length, scale, zero);
        for (int g = 0; g < groups.length; g++) {
          if (groups[g] < 0) {
            scale[g] = 1;
            zero[g] = 0;
          } else if (!Float.isFinite(scale[g]) || !Float.isFinite(zero[g])) {
            throw new FormatException(
                name
                    + ": can't be quantized: expected finite values, got NaN or infinity in group "
                    + groups[g]
                    + ". The checkpoint is damaged; download or save it again.");
          }
        }
        keep(groups, scale, scales);
      }
      double error = solver.improve(values, size, groups.length, scale, zero);
      keep(groups, zero, zeros);
      return error;
    }

    float[] inverted() {
      float[] inverse = new float[scales.length];
      for (int g = 0; g < inverse.length; g++) {
        inverse[g] = 1 / scales[g];
      }
      return inverse;
    }

    void pack(MemorySegment to) {
      Workers.run(
          pieces,
          piece -> {
            int[] groups = groups(piece);
            float[] values = read(groups);
            float[] scale = of(groups, scales);
            float[] zero = of(groups, zeros);
            for (int i = 0; i < values.length; i++) {
              int g = i % groups.length;
              values[i] = groups[g] < 0 ? 0 : solver.code(values[i], scale[g], zero[g]);
            }
            if (layout.axis() == 0) {
              byColumns(values, piece * span, groups.length, to);
            } else {
              byRows(values, piece * span, groups.length, to);
            }
          });
    }

    /** Codes (layout's rows, count) of the columns from {@code from} on. */
    private void byColumns(float[] codes, int from, int count, MemorySegment to) {
      int step = layout.step();
      for (int e = 0; e < step; e++) {
        for (int c = 0; c < count; c++) {
          int element = 0;
          for (int row = e; row < layout.rows(); row += step) {
            element |= (int) codes[row * count + c] << layout.shiftOf(row);
          }
          put(to, (long) e * layout.cols() + from + c, element);
        }
      }
    }

    /**
     * Codes (size, parts * count) of the rows that share the elements' rows from {@code from} on.
     */
    private void byRows(float[] codes, int from, int groups, MemorySegment to) {
      int count = groups / layout.parts();
      for (int e = 0; e < count; e++) {
        for (int c = 0; c < size; c++) {
          int element = 0;
          for (int part = 0; part < layout.parts(); part++) {
            int code = (int) codes[c * groups + part * count + e];
            element |= code << (layout.parts() - 1 - part) * layout.shift();
          }
          put(to, (long) (from + e) * layout.cols() + c, element);
        }
      }
    }

    private void put(MemorySegment to, long at, int element) {
      if (layout.elementBytes() == 4) {
        to.set(HostMemory.INT, 4 * at, element);
      } else {
        to.set(HostMemory.BYTE, at, (byte) element);
      }
    }
  }
}
