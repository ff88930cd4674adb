// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import llmengine.engine.CodeLayout;

/**
 * Up to eight blocks of 32 weights, unpacked from any {@link CodeLayout}: codes as bytes, {@link
 * #bias} more than the real ones, scales and minimums. Eight codes are handled at a time, as the
 * bytes of a long.
 */
final class CodeGroup {
  static final int BLOCKS = 8;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long ONES = 0x0101010101010101L;

  final byte[] codes = new byte[BLOCKS * TokenCodes.BLOCK];
  final float[] scales = new float[BLOCKS];
  final float[] minimums = new float[BLOCKS];

  /** Integer scales of 16 values each; all 1 in formats without. */
  final int[] halfScales = new int[2 * BLOCKS];

  /** What codes are more than the real ones. */
  int bias;

  /** Whether there are minimums. */
  boolean hasMinimums;

  /** Whether {@link #halfScales} are not all 1. */
  boolean hasHalfScales;

  /** Unpacks the first {@code count} blocks at an address. */
  void unpack(CodeLayout layout, long address, int count) {
    hasMinimums = false;
    hasHalfScales = false;
    bias = 0;
    switch (layout) {
      case CodeLayout.Bytes bytes -> bytes(bytes, address, count);
      case CodeLayout.Nibbles nibbles -> nibbles(nibbles, address, count);
      case CodeLayout.SuperNibbles nibbles -> superNibbles(nibbles, address);
      case CodeLayout.SixBits six -> sixBits(six, address);
    }
  }

  private void put(int at, long eight) {
    LONGS.set(codes, at, eight);
  }

  private void bytes(CodeLayout.Bytes layout, long address, int count) {
    for (int b = 0; b < count; b++) {
      long block = address + (long) b * layout.blockBytes();
      scales[b] = Window.getHalf(block + layout.scaleAt());
      for (int i = 0; i < 32; i += 8) {
        put(32 * b + i, Window.getLong(block + layout.codesAt() + i));
      }
    }
  }

  private void nibbles(CodeLayout.Nibbles layout, long address, int count) {
    bias = layout.offset();
    hasMinimums = layout.minimumAt() >= 0;
    for (int b = 0; b < count; b++) {
      long block = address + (long) b * layout.blockBytes();
      scales[b] = Window.getHalf(block + layout.scaleAt());
      if (hasMinimums) {
        minimums[b] = Window.getHalf(block + layout.minimumAt());
      }
      int fifth = layout.fifthBitsAt() < 0 ? 0 : Window.getInt(block + layout.fifthBitsAt());
      for (int i = 0; i < 16; i += 8) {
        long eight = Window.getLong(block + layout.codesAt() + i);
        put(32 * b + i, eight & 15 * ONES | spread(fifth >>> i) << 4);
        put(32 * b + 16 + i, eight >>> 4 & 15 * ONES | spread(fifth >>> 16 + i) << 4);
      }
    }
  }

  /** Bit i of the low eight in byte i. */
  private static long spread(int bits) {
    return ((bits & 255) * ONES & 0x8040201008040201L) + 0x7F * ONES >>> 7 & ONES;
  }

  private void superNibbles(CodeLayout.SuperNibbles layout, long block) {
    hasMinimums = true;
    float d = Window.getHalf(block + layout.scaleAt());
    float m = Window.getHalf(block + layout.minimumAt());
    long six = block + layout.sixBitsAt();
    int low = Window.getInt(six);
    int lowMinimums = Window.getInt(six + 4);
    int rest = Window.getInt(six + 8);
    int high = rest & 0x0F0F0F0F | low >>> 2 & 0x30303030;
    int highMinimums = rest >>> 4 & 0x0F0F0F0F | lowMinimums >>> 2 & 0x30303030;
    for (int g = 0; g < 4; g++) {
      scales[g] = d * (low >>> 8 * g & 63);
      scales[4 + g] = d * (high >>> 8 * g & 63);
      minimums[g] = -(m * (lowMinimums >>> 8 * g & 63));
      minimums[4 + g] = -(m * (highMinimums >>> 8 * g & 63));
    }
    for (int i = 0; i < 32; i += 8) {
      long fifth = layout.fifthBitsAt() < 0 ? 0 : Window.getLong(block + layout.fifthBitsAt() + i);
      for (int p = 0; p < 4; p++) {
        long eight = Window.getLong(block + layout.codesAt() + 32 * p + i);
        put(64 * p + i, eight & 15 * ONES | (fifth >>> 2 * p & ONES) << 4);
        put(64 * p + 32 + i, eight >>> 4 & 15 * ONES | (fifth >>> 2 * p + 1 & ONES) << 4);
      }
    }
  }

  private void sixBits(CodeLayout.SixBits layout, long block) {
    hasHalfScales = true;
    bias = 32;
    float d = Window.getHalf(block + layout.scaleAt());
    for (int b = 0; b < BLOCKS; b++) {
      scales[b] = d;
    }
    for (int i = 0; i < 16; i++) {
      halfScales[i] = Window.getByte(block + layout.scalesAt() + i);
    }
    for (int part = 0; part < 2; part++) {
      for (int i = 0; i < 32; i += 8) {
        long a = Window.getLong(block + layout.codesAt() + 64 * part + i);
        long b = Window.getLong(block + layout.codesAt() + 64 * part + 32 + i);
        long top = Window.getLong(block + layout.topBitsAt() + 32 * part + i);
        int to = 128 * part + i;
        put(to, a & 15 * ONES | (top & 3 * ONES) << 4);
        put(to + 32, b & 15 * ONES | (top >>> 2 & 3 * ONES) << 4);
        put(to + 64, a >>> 4 & 15 * ONES | (top >>> 4 & 3 * ONES) << 4);
        put(to + 96, b >>> 4 & 15 * ONES | (top >>> 6 & 3 * ONES) << 4);
      }
    }
  }
}
