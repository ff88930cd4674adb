// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Five values in six bytes: an exponent e and five signed bytes q, value = q * 2^(e - 7). Five
 * divides no panel, so panels begin and end within blocks.
 */
final class Fives implements BlockFormat {
  /** A random matrix in this format; {@code cols} is a multiple of five. */
  static Tensor random(Scope scope, long seed, int rows, int cols) {
    byte[] bytes = new byte[rows * cols / 5 * 6];
    new SplittableRandom(seed).nextBytes(bytes);
    for (int i = 0; i < bytes.length; i += 6) {
      bytes[i] &= 3;
    }
    Tensor stored = scope.empty(DType.U8, rows, cols / 5 * 6);
    ((Buffer.Host) stored.buffer())
        .segment()
        .asSlice(0, bytes.length)
        .copyFrom(MemorySegment.ofArray(bytes));
    return scope.pack(new BlockMatrix(new Fives(), stored, cols));
  }

  @Override
  public String name() {
    return "fives";
  }

  @Override
  public int ggufType() {
    return -1;
  }

  @Override
  public int blockValues() {
    return 5;
  }

  @Override
  public int blockBytes() {
    return 6;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOffset, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long at = offset + 6L * b;
      int exponent = src.get(ValueLayout.JAVA_BYTE, at) - 7;
      for (int i = 0; i < 5; i++) {
        dst[dstOffset + 5 * b + i] =
            Math.scalb(src.get(ValueLayout.JAVA_BYTE, at + 1 + i), exponent);
      }
    }
  }
}
