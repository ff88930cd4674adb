package llmengine.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import llmengine.engine.BlockFormat;

/**
 * A GGUF block format decoded from a byte array: blocks are copied out of the mapping a few KB at a
 * time, because C2 vectorises loops over arrays but not over segments with long offsets.
 */
abstract class ByteBlocks implements BlockFormat {
  private static final int RUN_BYTES = 1 << 14;

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

  /** Decodes the block at {@code in[at ...]} into {@code out[to ...]}. */
  abstract void decodeBlock(byte[] in, int at, float[] out, int to);

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
    int run = Math.max(1, Math.min(blocks, RUN_BYTES / blockBytes));
    byte[] bytes = new byte[run * blockBytes];
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
