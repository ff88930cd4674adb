package llmengine.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Objects;
import llmengine.engine.BlockFormat;
import llmengine.engine.cpu.Window;

/**
 * A GGUF block format, with a reference decoder from a byte array, and vectors for native memory in
 * the formats where it matters.
 */
abstract class ByteBlocks implements BlockFormat {
  private static final int RUN_BYTES = 1 << 14;
  private static final ThreadLocal<byte[]> RUN = ThreadLocal.withInitial(() -> new byte[RUN_BYTES]);

  private final String name;
  private final int ggufType;
  private final int blockValues;
  private final int blockBytes;

  ByteBlocks(String name, int ggufType, int blockValues, int blockBytes) {
    this.name = name;
    this.ggufType = ggufType;
    this.blockValues = blockValues;
    this.blockBytes = blockBytes;
  }

  /** Decodes the block at {@code in[at ...]} into {@code out[to ...]}: the reference. */
  abstract void decodeBlock(byte[] in, int at, float[] out, int to);

  /**
   * Decodes blocks at an address that was checked, bit for bit as {@link #decodeBlock} does.
   * Formats that models are served in override it with vectors; the others are decoded one by one.
   */
  void decodeBlocks(long address, float[] out, int to, int blocks) {
    oneByOne(Window.ALL, address, out, to, blocks);
  }

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final int ggufType() {
    return ggufType;
  }

  @Override
  public final int blockValues() {
    return blockValues;
  }

  @Override
  public final int blockBytes() {
    return blockBytes;
  }

  @Override
  public final void decode(MemorySegment src, long offset, float[] dst, int dstOffset, int blocks) {
    Objects.checkFromIndexSize(dstOffset, blocks * blockValues, dst.length);
    if (!src.isNative()) {
      Objects.checkFromIndexSize(offset, (long) blocks * blockBytes, src.byteSize());
      oneByOne(src, offset, dst, dstOffset, blocks);
      return;
    }
    try {
      long address = Addresses.of(src, offset, (long) blocks * blockBytes);
      decodeBlocks(address, dst, dstOffset, blocks);
    } finally {
      Reference.reachabilityFence(src);
    }
  }

  /** Blocks copied to an array a few KB at a time: C2 compiles loops over arrays better. */
  private void oneByOne(MemorySegment src, long offset, float[] dst, int dstOffset, int blocks) {
    int run = RUN_BYTES / blockBytes;
    byte[] bytes = RUN.get();
    for (int first = 0; first < blocks; first += run) {
      int n = Math.min(run, blocks - first);
      MemorySegment.copy(
          src, ValueLayout.JAVA_BYTE, offset + (long) first * blockBytes, bytes, 0, n * blockBytes);
      int to = dstOffset + first * blockValues;
      for (int i = 0; i < n; i++) {
        decodeBlock(bytes, i * blockBytes, dst, to + i * blockValues);
      }
    }
  }

  /** The IEEE half at {@code in[at]}, little-endian. */
  static float half(byte[] in, int at) {
    return Float.float16ToFloat((short) ((in[at] & 0xff) | in[at + 1] << 8));
  }

  /** The 32-bit word at {@code in[at]}, little-endian. */
  static int word(byte[] in, int at) {
    return (in[at] & 0xff)
        | (in[at + 1] & 0xff) << 8
        | (in[at + 2] & 0xff) << 16
        | in[at + 3] << 24;
  }

  @Override
  public final String toString() {
    return name;
  }
}
