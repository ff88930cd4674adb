package llmengine.quant;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** From native segments to addresses that may be read without further checks. */
final class Addresses {
  private Addresses() {}

  /**
   * The address of {@code bytes} bytes from {@code offset} on. The caller keeps {@code src}
   * reachable while it reads.
   *
   * @throws IndexOutOfBoundsException if they are not all in {@code src}
   * @throws IllegalStateException if its memory was given up, such as a file that was closed
   */
  static long of(MemorySegment src, long offset, long bytes) {
    Objects.checkFromIndexSize(offset, bytes, src.byteSize());
    if (!src.scope().isAlive()) {
      throw new IllegalStateException(
          "blocks: their memory was given up: expected a file that is open while it is used.");
    }
    return src.address() + offset;
  }
}
