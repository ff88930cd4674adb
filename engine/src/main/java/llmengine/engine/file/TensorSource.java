package llmengine.engine.file;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A tensor to be written: name, dtype and shape go into the header first; {@code body} is asked for
 * the bytes when their turn comes and may hand them over in pieces, so that no tensor need exist
 * whole in its stored form.
 */
public record TensorSource(String name, SafetensorsType type, long[] shape, Body body) {
  private static final long PIECE_VALUES = 1 << 18;

  /** Produces the bytes of one tensor, in order. */
  @FunctionalInterface
  public interface Body {
    /** Hands all bytes to {@code out}; an exception abandons the whole file. */
    void writeTo(Sink out) throws IOException;
  }

  /** Takes bytes of a tensor. */
  @FunctionalInterface
  public interface Sink {
    /** Appends all bytes of {@code piece}, which may be reused afterwards. */
    void write(MemorySegment piece) throws IOException;
  }

  /** Turns values of one dtype into another; both segments hold {@code count} values. */
  @FunctionalInterface
  public interface Converter {
    /** Converts all values of {@code from} into {@code to}. */
    void convert(MemorySegment from, MemorySegment to, long count);
  }

  /** A tensor whose bytes are already as they shall be stored. */
  public static TensorSource of(
      String name, SafetensorsType type, long[] shape, MemorySegment bytes) {
    return new TensorSource(name, type, shape, out -> out.write(bytes));
  }

  /**
   * A tensor kept as {@code from} and stored as {@code to}, converted piece by piece. Both dtypes
   * have whole bytes per value.
   */
  public static TensorSource converted(
      String name,
      long[] shape,
      SafetensorsType from,
      MemorySegment bytes,
      SafetensorsType to,
      Converter converter) {
    return new TensorSource(
        name,
        to,
        shape,
        out -> {
          long fromBytes = from.bits() / 8;
          long toBytes = to.bits() / 8;
          long count = bytes.byteSize() / fromBytes;
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment scratch = arena.allocate(PIECE_VALUES * toBytes, 64);
            for (long at = 0; at < count; at += PIECE_VALUES) {
              long n = Math.min(PIECE_VALUES, count - at);
              MemorySegment piece = scratch.asSlice(0, n * toBytes);
              converter.convert(bytes.asSlice(at * fromBytes, n * fromBytes), piece, n);
              out.write(piece);
            }
          }
        });
  }
}
