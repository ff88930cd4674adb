// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.H;
import static llmengine.engine.cpu.Lanes.I;
import static llmengine.engine.cpu.Lanes.L;
import static llmengine.engine.cpu.Window.ALL;
import static llmengine.engine.cpu.Window.ORDER;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Reads runs of f32, bf16 or f16 as f32, and vectors of bytes as integers, from addresses that the
 * caller has checked. The conversions are exact.
 */
public final class Load {
  public static final int F32 = 0;
  public static final int BF16 = 1;
  public static final int F16 = 2;

  // As many bytes as there are lanes; four of them have no species.
  private static final VectorSpecies<Byte> B =
      L == 16 ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;
  private static final IntVector BYTE_SHIFTS = IntVector.zero(I).addIndex(8);

  private Load() {}

  static int bytes(int kind) {
    return kind == F32 ? 4 : 2;
  }

  static float one(int kind, long address) {
    return switch (kind) {
      case F32 -> Window.getFloat(address);
      case BF16 -> Float.intBitsToFloat(Window.getShort(address) << 16);
      default -> Float.float16ToFloat(Window.getShort(address));
    };
  }

  /** Copies {@code n} neighbouring elements to {@code to[at..]}. */
  public static void run(int kind, long address, int n, float[] to, int at) {
    switch (kind) {
      case F32 -> f32(address, n, to, at);
      case BF16 -> bf16(address, n, to, at);
      default -> f16(address, n, to, at);
    }
  }

  /** {@link Lanes#L} unsigned bytes, and no byte more is read. */
  public static IntVector bytes(long address) {
    if (L == 4) {
      IntVector word = IntVector.broadcast(I, Window.getInt(address));
      return word.lanewise(VectorOperators.LSHR, BYTE_SHIFTS).and(0xff);
    }
    return (IntVector)
        ByteVector.fromMemorySegment(B, ALL, address, ORDER)
            .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
  }

  /** {@link Lanes#L} signed bytes, and no byte more is read. */
  public static IntVector signedBytes(long address) {
    if (L == 4) {
      IntVector word = IntVector.broadcast(I, Window.getInt(address));
      return word.lanewise(VectorOperators.LSHR, BYTE_SHIFTS)
          .lanewise(VectorOperators.LSHL, 24)
          .lanewise(VectorOperators.ASHR, 24);
    }
    return (IntVector)
        ByteVector.fromMemorySegment(B, ALL, address, ORDER)
            .convertShape(VectorOperators.B2I, I, 0);
  }

  /** One vector of bf16 as f32. */
  static FloatVector bf16(long address) {
    ShortVector halves = ShortVector.fromMemorySegment(H, ALL, address, ORDER);
    IntVector wide = (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
    return wide.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /** One vector of f16 as f32. */
  static FloatVector f16(long address) {
    ShortVector halves = ShortVector.fromMemorySegment(H, ALL, address, ORDER);
    IntVector wide = (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
    IntVector sign = wide.and(0x8000).lanewise(VectorOperators.LSHL, 16);
    IntVector magnitude = wide.and(0x7fff);
    IntVector shifted = magnitude.lanewise(VectorOperators.LSHL, 13);
    IntVector normal = shifted.add((127 - 15) << 23);
    // Infinity and NaN keep their mantissa under the all-ones exponent.
    VectorMask<Integer> special = magnitude.compare(VectorOperators.GE, 0x7c00);
    normal = normal.blend(shifted.or(0x7f800000), special);
    // Subnormals: mantissa * 2^-24 exactly, without ever forming an f32 subnormal.
    VectorMask<Integer> tiny = magnitude.compare(VectorOperators.LT, 0x0400);
    IntVector subnormal =
        ((FloatVector) magnitude.convert(VectorOperators.I2F, 0)).mul(0x1p-24f).reinterpretAsInts();
    return normal.blend(subnormal, tiny).or(sign).reinterpretAsFloats();
  }

  private static void f32(long address, int n, float[] to, int at) {
    int i = 0;
    for (int end = n - L; i <= end; i += L) {
      FloatVector.fromMemorySegment(F, ALL, address + 4L * i, ORDER).intoArray(to, at + i);
    }
    for (; i < n; i++) {
      to[at + i] = Window.getFloat(address + 4L * i);
    }
  }

  private static void bf16(long address, int n, float[] to, int at) {
    int i = 0;
    for (int end = n - L; i <= end; i += L) {
      bf16(address + 2L * i).intoArray(to, at + i);
    }
    for (; i < n; i++) {
      to[at + i] = Float.intBitsToFloat(Window.getShort(address + 2L * i) << 16);
    }
  }

  private static void f16(long address, int n, float[] to, int at) {
    int i = 0;
    for (int end = n - L; i <= end; i += L) {
      f16(address + 2L * i).intoArray(to, at + i);
    }
    for (; i < n; i++) {
      to[at + i] = Float.float16ToFloat(Window.getShort(address + 2L * i));
    }
  }
}
