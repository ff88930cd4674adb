// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntUnaryOperator;

/** Vectors of 64 bytes that kernels read from memory, behind their arguments. */
enum Constants {
  LOW_HALVES(i -> 0x0F),
  /** Turns a signed byte into an unsigned one that is 128 more. */
  SIGN_BITS(i -> 0x80),
  FIFTH_BITS(i -> 0x10),
  TOP_BITS(i -> 0x30),
  /** Words of 1. */
  ONES(i -> 1 - i % 2),
  /** Double words: shifts that leave 16 bytes and take the high halves of the next 16. */
  HALVES(i -> i % 4 == 0 && i % 32 >= 16 ? 4 : 0),
  /** Byte i / 8 of four, for each of 32 bytes. */
  SPREAD(i -> i % 32 / 8),
  /** Bit i mod 8. */
  BITS(i -> 1 << i % 8),
  /** Q6_K's scales of the first and the second 16 values of four groups, then of four more. */
  SIXTEENS(i -> i % 16 / 8 * 8 + i % 4 * 2 + i % 8 / 4);

  private static final int SIZE = 64;

  private final IntUnaryOperator values;

  Constants(IntUnaryOperator values) {
    this.values = values;
  }

  /** Where it lies behind the start of the constants. */
  int at() {
    return ordinal() * SIZE;
  }

  static int bytes() {
    return values().length * SIZE;
  }

  static void write(MemorySegment to, long at) {
    for (Constants constant : values()) {
      for (int i = 0; i < SIZE; i++) {
        byte value = (byte) constant.values.applyAsInt(i);
        to.set(ValueLayout.JAVA_BYTE, at + constant.at() + i, value);
      }
    }
  }
}
