package llmengine.engine;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * How a run of values is packed into bytes: a fixed number of values per block, a fixed number of
 * bytes per block, blocks laid end to end. Implementations are found by {@link
 * java.util.ServiceLoader} through {@link BlockFormats}; they hold no state and may be called from
 * several threads.
 */
public interface BlockFormat {
  /** Name the field uses, e.g. {@code Q4_K}. */
  String name();

  /** Type id in a GGUF tensor header, or -1 when GGUF has no such type. */
  int ggufType();

  /** Values held by one block. */
  int blockValues();

  /** Bytes taken by one block. */
  int blockBytes();

  /**
   * Decodes {@code blocks} blocks that start at byte {@code offset} of {@code src} into {@code
   * dst[dstOffset ...]}; writes {@code blocks * blockValues()} floats. The source needs no
   * alignment. Ranges outside {@code src} or {@code dst} throw {@link IndexOutOfBoundsException}.
   */
  void decode(MemorySegment src, long offset, float[] dst, int dstOffset, int blocks);

  /** Where codes and scales are, for products with 8-bit activations; empty if it has no such. */
  default Optional<CodeLayout> layout() {
    return Optional.empty();
  }

  /** The dtype that its values are stored in as they are; empty if they are in codes. */
  default Optional<DType> plain() {
    return Optional.empty();
  }
}
