package llmengine.quant.encode;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/** IEEE binary32: the values as they are. */
public final class F32Encoder implements BlockEncoder {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return "F32";
  }

  @Override
  public void encode(float[] src, int at, byte[] dst, int to, int blocks) {
    Objects.checkFromIndexSize(at, blocks, src.length);
    Finite.check(name(), src, at, blocks, Float.POSITIVE_INFINITY);
    MemorySegment.copy(src, at, MemorySegment.ofArray(dst), FLOAT, to, blocks);
  }
}
