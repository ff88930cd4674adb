package llmengine.quant.encode;

import llmengine.engine.BlockFormat;
import llmengine.engine.BlockFormats;

/**
 * Packs values into the blocks of one GGUF type: what {@link BlockFormat#decode} reads. Found by
 * {@link java.util.ServiceLoader} through {@link BlockEncoders}; without state, may be called from
 * several threads, the same values always give the same bytes. Arithmetic and its order are those
 * of ggml's reference quantizers without importance matrix (ggml-quants.c, {@code
 * quantize_row_*_ref}), so files come out equal.
 */
public interface BlockEncoder {
  /** Name of the format, e.g. {@code Q4_K}. */
  String name();

  /** The format that reads the blocks. */
  default BlockFormat format() {
    return BlockFormats.named(name()).orElseThrow();
  }

  /**
   * Encodes {@code blocks} blocks of {@code src[at ...]} into {@code dst[to ...]}; reads {@code
   * blocks * blockValues()} floats and writes {@code blocks * blockBytes()} bytes.
   *
   * @throws llmengine.engine.FormatException naming the first value that is not finite, or that is
   *     too large for the format
   * @throws IndexOutOfBoundsException if a range lies outside {@code src} or {@code dst}; nothing
   *     is written then
   */
  void encode(float[] src, int at, byte[] dst, int to, int blocks);
}
