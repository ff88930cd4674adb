package llmengine.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.Optional;
import llmengine.engine.BlockFormat;
import llmengine.engine.DType;
import llmengine.engine.cpu.Load;

/** IEEE binary16, little-endian; one value per block of 2 bytes. */
public final class F16 implements BlockFormat {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int RUN = 1 << 13;

  @Override
  public String name() {
    return "F16";
  }

  @Override
  public int ggufType() {
    return 1;
  }

  @Override
  public int blockValues() {
    return 1;
  }

  @Override
  public int blockBytes() {
    return 2;
  }

  @Override
  public Optional<DType> plain() {
    return Optional.of(DType.F16);
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOffset, int blocks) {
    if (src.isNative()) {
      Objects.checkFromIndexSize(dstOffset, blocks, dst.length);
      try {
        long address = Addresses.of(src, offset, 2L * blocks);
        Load.run(Load.F16, address, blocks, dst, dstOffset);
        return;
      } finally {
        Reference.reachabilityFence(src);
      }
    }
    short[] bits = new short[Math.min(RUN, blocks)];
    for (int first = 0; first < blocks; first += RUN) {
      int n = Math.min(RUN, blocks - first);
      MemorySegment.copy(src, SHORT, offset + 2L * first, bits, 0, n);
      for (int i = 0; i < n; i++) {
        dst[dstOffset + first + i] = Float.float16ToFloat(bits[i]);
      }
    }
  }
}
