package llmengine.engine;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** A matrix whose rows are whole blocks of one {@link BlockFormat}, laid end to end. */
public final class BlockMatrix implements Packing {
  private final BlockFormat format;
  private final Tensor bytes;
  private final MemorySegment memory;
  private final int cols;
  private final int rowBytes;
  private final ThreadLocal<float[]> block;

  /**
   * @param bytes (N, K / blockValues * blockBytes) U8, contiguous, in host memory
   * @param cols K, a multiple of the format's block
   */
  public BlockMatrix(BlockFormat format, Tensor bytes, int cols) {
    this.format = format;
    this.bytes = bytes;
    this.cols = cols;
    this.rowBytes = cols / format.blockValues() * format.blockBytes();
    if (cols % format.blockValues() != 0
        || bytes.dtype() != DType.U8
        || !bytes.isContiguous()
        || bytes.cols() != rowBytes) {
      throw new ShapeException(
          format.name()
              + ": wrong memory for rows of "
              + cols
              + " values: expected contiguous U8 rows of "
              + rowBytes
              + " bytes and a multiple of "
              + format.blockValues()
              + " values, got "
              + bytes
              + ".");
    }
    if (!(bytes.buffer() instanceof Buffer.Host host)) {
      throw new DeviceException(
          format.name()
              + ": expected blocks in host memory, got "
              + bytes.backend().name()
              + ". Load the model on the CPU.");
    }
    this.memory = host.segment().asSlice(bytes.offset(), bytes.size());
    this.block = ThreadLocal.withInitial(() -> new float[format.blockValues()]);
  }

  public BlockFormat format() {
    return format;
  }

  @Override
  public String name() {
    return format.name();
  }

  @Override
  public int rows() {
    return bytes.rows();
  }

  @Override
  public int cols() {
    return cols;
  }

  @Override
  public List<Tensor> parts() {
    return List.of(bytes);
  }

  @Override
  public boolean isReplaceable() {
    return true;
  }

  @Override
  public Optional<CodedRows> codedRows() {
    return format.layout().map(layout -> new CodedRows(layout, address(), rowBytes, cols));
  }

  @Override
  public Optional<FloatRows> floatRows() {
    return format
        .plain()
        .map(dtype -> new FloatRows(dtype, address(), rowBytes, cols, StoredOrder.PLAIN));
  }

  private long address() {
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException(
          format.name()
              + ": its memory was given up: expected a file that is open while it is used.");
    }
    return memory.address();
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    int size = format.blockValues();
    for (int r = 0; r < rows; r++) {
      long start = (long) (row + r) * rowBytes;
      int target = at + r * stride;
      int c = col;
      int end = col + cols;
      if (c % size != 0) {
        int count = Math.min(end, c - c % size + size) - c;
        part(start, c, count, to, target);
        c += count;
        target += count;
      }
      int whole = (end - c) / size;
      if (whole > 0) {
        format.decode(memory, start + (long) (c / size) * format.blockBytes(), to, target, whole);
        c += whole * size;
        target += whole * size;
      }
      if (c < end) {
        part(start, c, end - c, to, target);
      }
    }
  }

  /** Some of the values of one block. */
  private void part(long rowStart, int col, int count, float[] to, int target) {
    int size = format.blockValues();
    float[] values = block.get();
    format.decode(memory, rowStart + (long) (col / size) * format.blockBytes(), values, 0, 1);
    System.arraycopy(values, col % size, to, target, count);
  }
}
