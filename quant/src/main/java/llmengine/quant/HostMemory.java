package llmengine.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import llmengine.engine.Buffer;
import llmengine.engine.DeviceException;
import llmengine.engine.Tensor;

/** The bytes behind a part of a packed matrix; files may place them at any address. */
public final class HostMemory {
  public static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  public static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private HostMemory() {}

  /**
   * The bytes of a tensor.
   *
   * @throws DeviceException if another device has them
   */
  public static MemorySegment of(Tensor t) {
    if (!(t.buffer() instanceof Buffer.Host host)) {
      throw new DeviceException(
          "packed weight: expected codes in host memory, got "
              + t.backend().name()
              + ". Load the model on the CPU.");
    }
    return host.segment().asSlice(t.offset(), t.size() * t.dtype().bytes());
  }
}
