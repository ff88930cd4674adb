// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.H;
import static llmengine.engine.cpu.Lanes.I;
import static llmengine.engine.cpu.Lanes.L;
import static llmengine.engine.cpu.Window.ALL;
import static llmengine.engine.cpu.Window.ORDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Reads runs of f32, bf16 or f16 as f32. The conversions are exact. */
final class Load {
  static final int F32 = 0;
  static final int BF16 = 1;
  static final int F16 = 2;

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
  static void run(int kind, long address, int n, float[] to, int at) {
    switch (kind) {
      case F32 -> f32(address, n, to, at);
      case BF16 -> bf16(address, n, to, at);
      default -> f16(address, n, to, at);
    }
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
