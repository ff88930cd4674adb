package llmengine.quant.encode;

import java.util.Objects;
import llmengine.engine.FormatException;

/**
 * An encoder that works block by block. Values are looked at before, the scales after: a block
 * whose scale does not fit in its field would decode to infinities.
 */
abstract class BlockwiseEncoder implements BlockEncoder {
  /**
   * Magnitude from which on no format with scales in half floats can hold a value; below it the
   * sums of the searches (third powers of 256 values) stay finite.
   */
  static final float SCALED_LIMIT = 0x1p32f;

  private final String name;
  private final int blockValues;
  private final int blockBytes;
  private final float limit;
  private final int[] halves;

  /**
   * @param limit magnitude that values must stay below
   * @param halves where in a block its half floats are
   */
  BlockwiseEncoder(String name, int blockValues, int blockBytes, float limit, int... halves) {
    this.name = name;
    this.blockValues = blockValues;
    this.blockBytes = blockBytes;
    this.limit = limit;
    this.halves = halves;
  }

  /** Encodes the block at {@code x[at ...]} into {@code out[to ...]}. */
  abstract void encodeBlock(float[] x, int at, byte[] out, int to, Work work);

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final void encode(float[] src, int at, byte[] dst, int to, int blocks) {
    Objects.checkFromIndexSize(at, Math.multiplyExact(blocks, blockValues), src.length);
    Objects.checkFromIndexSize(to, Math.multiplyExact(blocks, blockBytes), dst.length);
    Finite.check(name, src, at, blocks * blockValues, limit);
    Work work = new Work();
    for (int b = 0; b < blocks; b++) {
      int block = to + b * blockBytes;
      encodeBlock(src, at + b * blockValues, dst, block, work);
      for (int half : halves) {
        if (!Float.isFinite(Bits.half(dst, block + half))) {
          throw overflow(src, at, b);
        }
      }
    }
  }

  private FormatException overflow(float[] src, int at, int block) {
    float largest = 0;
    int where = 0;
    for (int i = block * blockValues; i < (block + 1) * blockValues; i++) {
      if (Math.abs(src[at + i]) > Math.abs(largest)) {
        largest = src[at + i];
        where = i;
      }
    }
    return Finite.tooLarge(name, where, largest, "a block whose scale fits in a half float");
  }

  @Override
  public final String toString() {
    return name;
  }
}
