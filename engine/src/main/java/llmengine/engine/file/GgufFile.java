package llmengine.engine.file;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockFormats;
import llmengine.engine.FormatException;

/**
 * A memory-mapped GGUF file, version 2 or 3. Opening reads and checks metadata and tensor infos;
 * tensor data are views of the mapping, valid until {@link #close()}.
 */
public final class GgufFile implements AutoCloseable {
  // 64 Ki values: scratch of 256 KB per thread, small beside a matrix and large beside a block
  private static final int CHUNK_VALUES = 1 << 16;

  private final Path path;
  private final Arena arena;
  private final GgufHeader.Parsed header;

  private GgufFile(Path path, Arena arena, GgufHeader.Parsed header) {
    this.path = path;
    this.arena = arena;
    this.header = header;
  }

  /**
   * Maps the file and checks its whole head.
   *
   * @throws FormatException if it is missing, unreadable or malformed in any way
   */
  public static GgufFile open(Path path) {
    Arena arena = Arena.ofShared();
    boolean opened = false;
    try {
      var header = GgufHeader.parse(path.toString(), MappedFile.map(path, arena));
      opened = true;
      return new GgufFile(path, arena, header);
    } finally {
      if (!opened) {
        arena.close();
      }
    }
  }

  /** The file this was opened from. */
  public Path path() {
    return path;
  }

  /** GGUF version, 2 or 3. */
  public int version() {
    return header.version();
  }

  /** Alignment of tensor data in bytes. */
  public int alignment() {
    return header.alignment();
  }

  /**
   * Key-value pairs in file order: integers of any width as {@link Long}, FLOAT32 as {@link Float},
   * FLOAT64 as {@link Double}, BOOL as {@link Boolean}, STRING as {@link String}; arrays as {@code
   * long[]}, {@code float[]}, {@code double[]}, {@code boolean[]} or {@link java.util.List} (of
   * strings or arrays).
   */
  public Map<String, Object> metadata() {
    return header.metadata();
  }

  /** Tensors by GGUF name, in file order. */
  public Map<String, GgufTensor> tensors() {
    return header.tensors();
  }

  /** The tensor with this name, if the file has it. */
  public Optional<GgufTensor> find(String name) {
    return Optional.ofNullable(header.tensors().get(name));
  }

  /**
   * The tensor with this name.
   *
   * @throws FormatException if the file has no such tensor
   */
  public GgufTensor tensor(String name) {
    return find(name)
        .orElseThrow(
            () ->
                new FormatException(
                    path
                        + ": no tensor \""
                        + name
                        + "\": expected one of "
                        + TensorNames.list(tensors().keySet(), name)
                        + ", got none. Check that the file holds a whole model."));
  }

  /**
   * The decoder of this tensor's blocks.
   *
   * @throws FormatException if the type is not supported yet
   */
  public BlockFormat format(GgufTensor tensor) {
    return BlockFormats.ofGgufType(tensor.type().id())
        .orElseThrow(
            () ->
                new FormatException(
                    path
                        + ": tensor \""
                        + tensor.name()
                        + "\": type not supported yet: expected a"
                        + " type with a decoder on the class path, got "
                        + tensor.type()
                        + ". Use a file in another quantization, e.g. Q8_0 or Q4_K_M."));
  }

  /**
   * Decodes the whole tensor to float32 into {@code dst}, {@code 4 * count} bytes, native order, on
   * all cores.
   *
   * @throws FormatException if the type is not supported yet
   */
  public void decode(GgufTensor tensor, MemorySegment dst) {
    BlockFormat format = format(tensor);
    long count = tensor.count();
    if (dst.byteSize() != count * Float.BYTES) {
      throw new FormatException(
          path
              + ": tensor \""
              + tensor.name()
              + "\": wrong destination: expected "
              + count * Float.BYTES
              + " bytes, got "
              + dst.byteSize()
              + ". Pass room for exactly the tensor's values.");
    }
    long chunks = (count + CHUNK_VALUES - 1) / CHUNK_VALUES;
    LongStream.range(0, chunks)
        .parallel()
        .forEach(
            chunk -> {
              long first = chunk * CHUNK_VALUES;
              int n = (int) Math.min(CHUNK_VALUES, count - first);
              float[] values = new float[n];
              decode(tensor, format, first, values, n);
              MemorySegment.copy(
                  values, 0, dst, ValueLayout.JAVA_FLOAT_UNALIGNED, first * Float.BYTES, n);
            });
  }

  /**
   * Decodes {@code count} values from {@code first} on into {@code dst[0 ...]}; both are multiples
   * of the type's block.
   *
   * @throws FormatException if the type is not supported yet or the range is not whole blocks
   */
  public void decode(GgufTensor tensor, long first, float[] dst, int count) {
    BlockFormat format = format(tensor);
    int block = format.blockValues();
    if (first < 0
        || count < 0
        || first > tensor.count() - count
        || first % block != 0
        || count % block != 0) {
      throw new FormatException(
          path
              + ": tensor \""
              + tensor.name()
              + "\": bad range: expected whole blocks of "
              + block
              + " within "
              + tensor.count()
              + " values, got "
              + count
              + " from "
              + first
              + ". Read whole rows.");
    }
    decode(tensor, format, first, dst, count);
  }

  private static void decode(
      GgufTensor tensor, BlockFormat format, long first, float[] dst, int count) {
    int block = format.blockValues();
    format.decode(tensor.data(), first / block * format.blockBytes(), dst, 0, count / block);
  }

  /** Unmaps the file; views of it can't be read any more. */
  @Override
  public void close() {
    arena.close();
  }
}
