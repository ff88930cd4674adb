package llmengine.engine.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.IdentityHashMap;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.Buffer;
import llmengine.engine.DType;
import llmengine.engine.Floats;
import llmengine.engine.Memory;
import llmengine.engine.Tensor;

/** What the CPU backends share: tensors in the host's own memory, outside the Java heap. */
abstract class HostBackend implements Backend {
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  private final Memory memory = new Memory(this);
  private final Map<Buffer, Arena> arenas = new IdentityHashMap<>();

  @Override
  public Memory memory() {
    return memory;
  }

  @Override
  public synchronized Buffer allocate(long bytes) {
    Arena arena = Arena.ofShared();
    Buffer buffer = new Buffer.Host(arena.allocate(bytes, 64));
    arenas.put(buffer, arena);
    return buffer;
  }

  @Override
  public synchronized void free(Buffer buffer) {
    arenas.remove(buffer).close();
  }

  @Override
  public Buffer slice(Buffer whole, long offset, long bytes) {
    return new Buffer.Host(((Buffer.Host) whole).segment().asSlice(offset, bytes));
  }

  @Override
  public Buffer map(MemorySegment segment) {
    return new Buffer.Host(segment);
  }

  @Override
  public void close() {
    memory.trim();
  }

  static MemorySegment segment(Tensor t) {
    return ((Buffer.Host) t.buffer()).segment();
  }

  static float element(Tensor t, int row, int col) {
    if (t.dtype() == DType.PACKED) {
      float[] value = new float[1];
      t.packing().decode(row, col, 1, 1, value, 0, 1);
      return value[0];
    }
    return element(segment(t), t.dtype(), t.offset(), row * t.rowStride() + col);
  }

  private static float element(MemorySegment s, DType dtype, long offset, long index) {
    return switch (dtype) {
      case F32 -> s.get(FLOAT, offset + 4 * index);
      case BF16 -> Floats.fromBf16(s.get(SHORT, offset + 2 * index));
      case F16 -> Float.float16ToFloat(s.get(SHORT, offset + 2 * index));
      case I32 -> s.get(INT, offset + 4 * index);
      case I8 -> s.get(ValueLayout.JAVA_BYTE, offset + index);
      case U8 -> s.get(ValueLayout.JAVA_BYTE, offset + index) & 0xFF;
      case PACKED -> throw new AssertionError("decoded by its packing");
    };
  }

  static void element(Tensor t, int row, int col, float value) {
    MemorySegment s = segment(t);
    long index = row * t.rowStride() + col;
    switch (t.dtype()) {
      case F32 -> s.set(FLOAT, t.offset() + 4 * index, value);
      case BF16 -> s.set(SHORT, t.offset() + 2 * index, Floats.toBf16(value));
      case F16 -> s.set(SHORT, t.offset() + 2 * index, Float.floatToFloat16(value));
      case I32 -> s.set(INT, t.offset() + 4 * index, (int) value);
      case I8, U8 -> s.set(ValueLayout.JAVA_BYTE, t.offset() + index, (byte) (int) value);
      case PACKED -> throw new AssertionError("a packed matrix is read-only: " + t);
    }
  }

  @Override
  public void write(float[] source, int sourceOffset, Tensor to) {
    int at = sourceOffset;
    for (int r = 0; r < to.rows(); r++) {
      if (to.dtype() == DType.F32) {
        MemorySegment.copy(
            source, at, segment(to), FLOAT, to.offset() + 4 * r * to.rowStride(), to.cols());
        at += to.cols();
      } else {
        for (int c = 0; c < to.cols(); c++) {
          element(to, r, c, source[at++]);
        }
      }
    }
  }

  @Override
  public void write(int[] source, int sourceOffset, Tensor to) {
    assert to.dtype() == DType.I32;
    int at = sourceOffset;
    for (int r = 0; r < to.rows(); r++, at += to.cols()) {
      MemorySegment.copy(
          source, at, segment(to), INT, to.offset() + 4 * r * to.rowStride(), to.cols());
    }
  }

  @Override
  public void read(Tensor from, float[] target, int targetOffset) {
    int at = targetOffset;
    for (int r = 0; r < from.rows(); r++) {
      if (from.dtype() == DType.F32) {
        MemorySegment.copy(
            segment(from),
            FLOAT,
            from.offset() + 4 * r * from.rowStride(),
            target,
            at,
            from.cols());
        at += from.cols();
      } else if (from.dtype() == DType.PACKED) {
        from.packing().decode(r, 0, 1, from.cols(), target, at, from.cols());
        at += from.cols();
      } else {
        for (int c = 0; c < from.cols(); c++) {
          target[at++] = element(from, r, c);
        }
      }
    }
  }

  @Override
  public void read(Tensor from, int[] target, int targetOffset) {
    assert from.dtype() == DType.I32;
    int at = targetOffset;
    for (int r = 0; r < from.rows(); r++, at += from.cols()) {
      MemorySegment.copy(
          segment(from), INT, from.offset() + 4 * r * from.rowStride(), target, at, from.cols());
    }
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    float[] decoded = from.dtype() == DType.PACKED ? new float[from.cols()] : null;
    for (int r = 0; r < from.rows(); r++) {
      if (decoded != null) {
        from.packing().decode(r, 0, 1, from.cols(), decoded, 0, from.cols());
        for (int c = 0; c < from.cols(); c++) {
          element(to, r, c, decoded[c]);
        }
      } else if (from.dtype() == to.dtype()) {
        long bytes = from.dtype().bytes();
        MemorySegment.copy(
            segment(from),
            from.offset() + bytes * r * from.rowStride(),
            segment(to),
            to.offset() + bytes * r * to.rowStride(),
            bytes * from.cols());
      } else {
        for (int c = 0; c < from.cols(); c++) {
          element(to, r, c, element(from, r, c));
        }
      }
    }
  }

  @Override
  public void fill(Tensor to, float value) {
    for (int r = 0; r < to.rows(); r++) {
      if (value == 0) {
        long bytes = to.dtype().bytes();
        segment(to)
            .asSlice(to.offset() + bytes * r * to.rowStride(), bytes * to.cols())
            .fill((byte) 0);
      } else {
        for (int c = 0; c < to.cols(); c++) {
          element(to, r, c, value);
        }
      }
    }
  }
}
