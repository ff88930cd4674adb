package llmengine.engine.file;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import llmengine.engine.Floats;
import llmengine.engine.FormatException;

/**
 * Converts stored values between F32, F16 and BF16 by way of float32, rounding to nearest even; F64
 * can be read. Values too large for F16 become infinite, as in PyTorch.
 */
public final class FloatConversion implements TensorSource.Converter {
  private static final ValueLayout.OfShort INT16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble FLOAT64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int RUN = 1 << 12;

  private final SafetensorsType from;
  private final SafetensorsType to;

  private FloatConversion(SafetensorsType from, SafetensorsType to) {
    this.from = from;
    this.to = to;
  }

  /**
   * The conversion between two dtypes.
   *
   * @throws FormatException if one of them is no such type
   */
  public static FloatConversion between(SafetensorsType from, SafetensorsType to) {
    boolean readable =
        switch (from) {
          case F64, F32, F16, BF16 -> true;
          default -> false;
        };
    if (!readable || to == SafetensorsType.F64 || to.dtype().stream().noneMatch(d -> d.isFloat())) {
      throw new FormatException(
          "conversion: no such conversion: expected F64, F32, F16 or BF16 to F32, F16 or BF16, got "
              + from
              + " to "
              + to
              + ". Choose another dtype.");
    }
    return new FloatConversion(from, to);
  }

  @Override
  public void convert(MemorySegment source, MemorySegment target, long count) {
    float[] values = new float[(int) Math.min(RUN, count)];
    short[] bits = new short[values.length];
    for (long first = 0; first < count; first += RUN) {
      int n = (int) Math.min(RUN, count - first);
      read(source, first, values, bits, n);
      write(target, first, values, bits, n);
    }
  }

  private void read(MemorySegment source, long first, float[] values, short[] bits, int n) {
    switch (from) {
      case F64 -> {
        for (int i = 0; i < n; i++) {
          values[i] = (float) source.get(FLOAT64, 8 * (first + i));
        }
      }
      case F32 -> MemorySegment.copy(source, FLOAT32, 4 * first, values, 0, n);
      case F16 -> {
        MemorySegment.copy(source, INT16, 2 * first, bits, 0, n);
        for (int i = 0; i < n; i++) {
          values[i] = Float.float16ToFloat(bits[i]);
        }
      }
      default -> {
        MemorySegment.copy(source, INT16, 2 * first, bits, 0, n);
        for (int i = 0; i < n; i++) {
          values[i] = Floats.fromBf16(bits[i]);
        }
      }
    }
  }

  private void write(MemorySegment target, long first, float[] values, short[] bits, int n) {
    if (to == SafetensorsType.F32) {
      MemorySegment.copy(values, 0, target, FLOAT32, 4 * first, n);
      return;
    }
    for (int i = 0; i < n; i++) {
      bits[i] =
          to == SafetensorsType.F16 ? Float.floatToFloat16(values[i]) : Floats.toBf16(values[i]);
    }
    MemorySegment.copy(bits, 0, target, INT16, 2 * first, n);
  }
}
