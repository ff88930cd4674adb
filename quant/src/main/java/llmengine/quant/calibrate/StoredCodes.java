package llmengine.quant.calibrate;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import llmengine.engine.FormatException;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.TensorSource;

/** The tensors that {@link GroupedCodes} become in a Hugging Face checkpoint. */
public enum StoredCodes {
  /**
   * {@code qweight} (K * bits / 32, N): each column one stream of codes along K, the first in the
   * lowest bits; {@code qzeros} (G, N * bits / 32) likewise along N, of zero - 1 (format v1);
   * {@code scales} (G, N); {@code g_idx} (K).
   */
  GPTQ {
    @Override
    public void check(String layer, int rows, int cols, int bits, int groupSize) {
      if ((long) rows * bits % 32 != 0 || (long) cols * bits % 32 != 0) {
        int multiple = bits == 3 ? 32 : 32 / bits;
        throw unsuitable(
            layer,
            rows,
            cols,
            "outputs and inputs in multiples of " + multiple + " for " + bits + " bits",
            "Use another number of bits.");
      }
    }

    @Override
    public List<TensorSource> tensors(String layer, GroupedCodes codes) {
      int bits = codes.grid().bits();
      int n = codes.rows();
      int k = codes.cols();
      List<TensorSource> all = new ArrayList<>();
      all.add(
          words(
              layer + ".qweight",
              k * bits / 32,
              n,
              (word, row) -> stream(word, bits, k, col -> codes.code(row, col))));
      all.add(
          words(
              layer + ".qzeros",
              codes.groups(),
              n * bits / 32,
              (group, word) -> stream(word, bits, n, row -> codes.zero(row, group) - 1)));
      all.add(scales(layer, codes));
      all.add(
          new TensorSource(
              layer + ".g_idx",
              SafetensorsType.I32,
              new long[] {k},
              out -> write(out, 1, k, 4, (to, at, r, c) -> to.set(INT, at, codes.groupOf(c)))));
      return all;
    }
  },

  /**
   * The GEMM layout of AutoAWQ: {@code qweight} (K, N / 8) with eight neighbours along N in a word,
   * in the order 0 2 4 6 1 3 5 7; {@code qzeros} (G, N / 8) likewise; {@code scales} (G, N).
   */
  AWQ {
    @Override
    public void check(String layer, int rows, int cols, int bits, int groupSize) {
      int size = groupSize == -1 ? cols : groupSize;
      if (rows % 8 != 0 || cols % size != 0) {
        List<String> sizes = new ArrayList<>();
        for (int s : new int[] {128, 64, 32, 16}) {
          if (cols % s == 0) {
            sizes.add(Integer.toString(s));
          }
        }
        sizes.add("-1");
        throw unsuitable(
            layer,
            rows,
            cols,
            "outputs in multiples of 8 and inputs in multiples of the group size " + size,
            "Set export_quantization_group_size to "
                + String.join(" or ", sizes)
                + ", or export_quantization_method: gptq.");
      }
    }

    @Override
    public List<TensorSource> tensors(String layer, GroupedCodes codes) {
      int words = codes.rows() / 8;
      return List.of(
          words(
              layer + ".qweight",
              codes.cols(),
              words,
              (col, word) -> interleaved(i -> codes.code(8 * word + i, col))),
          words(
              layer + ".qzeros",
              codes.groups(),
              words,
              (group, word) -> interleaved(i -> codes.zero(8 * word + i, group))),
          scales(layer, codes));
    }
  };

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALF =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
  private static final int[] INTERLEAVED = {0, 2, 4, 6, 1, 3, 5, 7};
  private static final int PIECE_BYTES = 1 << 22;

  /**
   * Whether a matrix (rows, cols) fits the layout.
   *
   * @throws FormatException if not, naming what would
   */
  public abstract void check(String layer, int rows, int cols, int bits, int groupSize);

  /** The layer's tensors, made while they are written. */
  public abstract List<TensorSource> tensors(String layer, GroupedCodes codes);

  private static FormatException unsuitable(
      String layer, int rows, int cols, String expected, String advice) {
    return new FormatException(
        layer
            + ": can't be stored quantized: expected "
            + expected
            + ", got "
            + rows
            + " outputs and "
            + cols
            + " inputs. "
            + advice);
  }

  /** Word {@code word} of a stream of codes, {@code bits} each. */
  private static int stream(int word, int bits, int count, IntUnaryOperator code) {
    long start = 32L * word;
    int value = 0;
    for (int i = (int) (start / bits); i < count && (long) i * bits < start + 32; i++) {
      long shift = (long) i * bits - start;
      int c = code.applyAsInt(i);
      value |= shift >= 0 ? c << shift : c >>> -shift;
    }
    return value;
  }

  private static int interleaved(IntUnaryOperator code) {
    int value = 0;
    for (int i = 0; i < 8; i++) {
      value |= code.applyAsInt(INTERLEAVED[i]) << 4 * i;
    }
    return value;
  }

  private static TensorSource scales(String layer, GroupedCodes codes) {
    int groups = codes.groups();
    int n = codes.rows();
    return new TensorSource(
        layer + ".scales",
        SafetensorsType.F16,
        new long[] {groups, n},
        out ->
            write(
                out, groups, n, 2, (to, at, g, row) -> to.set(HALF, at, codes.scaleBits(row, g))));
  }

  /** Value of the word at (row, column). */
  private interface Word {
    int at(int row, int column);
  }

  private static TensorSource words(String name, int rows, int cols, Word word) {
    return new TensorSource(
        name,
        SafetensorsType.I32,
        new long[] {rows, cols},
        out -> write(out, rows, cols, 4, (to, at, r, c) -> to.set(INT, at, word.at(r, c))));
  }

  /** Puts the value at (row, column) at an offset. */
  private interface Put {
    void at(MemorySegment to, long offset, int row, int column);
  }

  /** Writes a matrix some rows at a time, column by column: codes lie along a matrix's inputs. */
  private static void write(TensorSource.Sink out, int rows, int cols, int bytes, Put put)
      throws IOException {
    if (cols == 0) {
      return;
    }
    int piece = Math.clamp(PIECE_BYTES / ((long) cols * bytes), 1, Math.max(1, rows));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate((long) piece * cols * bytes, 64);
      for (int from = 0; from < rows; from += piece) {
        int n = Math.min(piece, rows - from);
        for (int c = 0; c < cols; c++) {
          for (int r = 0; r < n; r++) {
            put.at(buffer, ((long) r * cols + c) * bytes, from + r, c);
          }
        }
        out.write(buffer.asSlice(0, (long) n * cols * bytes));
      }
    }
  }
}
