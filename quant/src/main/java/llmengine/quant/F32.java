package llmengine.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import llmengine.engine.BlockFormat;

/** IEEE binary32, little-endian; one value per block of 4 bytes. */
public final class F32 implements BlockFormat {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return "F32";
  }

  @Override
  public int ggufType() {
    return 0;
  }

  @Override
  public int blockValues() {
    return 1;
  }

  @Override
  public int blockBytes() {
    return 4;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOffset, int blocks) {
    MemorySegment.copy(src, FLOAT, offset, dst, dstOffset, blocks);
  }
}
