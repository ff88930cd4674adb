// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.I;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.cpu.x86.TokenRecord;

/**
 * One token's activations in 8 bits. A block of 32 values x has the scale max |x| / 127 and the
 * codes x / scale, rounded to nearest, ties to even, by multiplication with 127 / max. A block
 * without a finite maximum has the scale NaN, one of (nearly) zeros the scale 0, both with codes 0.
 * Blocks are padded with zeros to a multiple of 8.
 */
final class TokenCodes {
  static final int BLOCK = 32;

  /** Adding it to |v| < 2^22 leaves v, rounded, in the low bits of the mantissa. */
  private static final float ROUNDING = 0x1.8p23f;

  private static final float TINY = 1e-36f; // 127 / TINY is still finite

  /** Codes, widened: vector code reads them without conversion. */
  int[] codes = new int[0];

  float[] scales = new float[0];
  int[] sums = new int[0];
  float[] scaledSums = new float[0];

  /** Sums of the codes of 16 values. */
  int[] halfSums = new int[0];

  int blocks;

  /** Encodes {@code k} values, a multiple of 32. */
  void encode(float[] x, int at, int k) {
    blocks = (k / BLOCK + 7) & ~7;
    if (scales.length < blocks) {
      codes = new int[blocks * BLOCK];
      scales = new float[blocks];
      sums = new int[blocks];
      scaledSums = new float[blocks];
      halfSums = new int[2 * blocks];
    }
    for (int b = 0; b < k / BLOCK; b++) {
      block(x, at + b * BLOCK, b);
    }
    for (int b = k / BLOCK; b < blocks; b++) {
      zero(b, 0);
    }
  }

  private void block(float[] x, int at, int b) {
    float max = max(x, at);
    if (!(max < Float.POSITIVE_INFINITY)) {
      zero(b, Float.NaN);
      return;
    }
    if (max < TINY) {
      zero(b, 0);
      return;
    }
    codes(x, at, 127 / max, codes, b * BLOCK);
    int first = sum(codes, b * BLOCK);
    int second = sum(codes, b * BLOCK + 16);
    scales[b] = max / 127;
    halfSums[2 * b] = first;
    halfSums[2 * b + 1] = second;
    sums[b] = first + second;
    scaledSums[b] = scales[b] * (first + second);
  }

  private void zero(int b, float scale) {
    for (int i = b * BLOCK; i < (b + 1) * BLOCK; i++) {
      codes[i] = 0;
    }
    scales[b] = scale;
    sums[b] = 0;
    scaledSums[b] = scale;
    halfSums[2 * b] = 0;
    halfSums[2 * b + 1] = 0;
  }

  /** The greatest |x| of a block; NaN if there is one. */
  private static float max(float[] x, int at) {
    FloatVector max = FloatVector.fromArray(F, x, at).abs();
    for (int i = L; i < BLOCK; i += L) {
      max = max.max(FloatVector.fromArray(F, x, at + i).abs());
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  private static void codes(float[] x, int at, float factor, int[] to, int o) {
    int zero = Float.floatToRawIntBits(ROUNDING);
    for (int i = 0; i < BLOCK; i += L) {
      FloatVector v = FloatVector.fromArray(F, x, at + i).mul(factor).add(ROUNDING);
      v.reinterpretAsInts().sub(zero).intoArray(to, o + i);
    }
  }

  private static int sum(int[] codes, int at) {
    IntVector sum = IntVector.fromArray(I, codes, at);
    for (int i = L; i < 16; i += L) {
      sum = sum.add(IntVector.fromArray(I, codes, at + i));
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /** Writes eight blocks as a {@link TokenRecord} to an address. */
  void write(int group, long to) {
    int b = 8 * group;
    for (int i = 0; i < TokenRecord.VALUES; i += 4) {
      int at = b * BLOCK + i;
      int low = codes[at] & 255 | (codes[at + 1] & 255) << 8;
      Window.putInt(to + i, low | (codes[at + 2] & 255) << 16 | codes[at + 3] << 24);
    }
    for (int i = 0; i < 8; i++) {
      Window.putFloat(to + TokenRecord.SCALES + 4 * i, scales[b + i]);
      Window.putInt(to + TokenRecord.SUMS + 4 * i, sums[b + i]);
      Window.putFloat(to + TokenRecord.SCALED_SUMS + 4 * i, scaledSums[b + i]);
      int half = TokenRecord.HALF_SUMS + 32 * (i / 4) + 4 * (i % 4);
      Window.putInt(to + half, halfSums[2 * (b + i)]);
      Window.putInt(to + half + 16, halfSums[2 * (b + i) + 1]);
    }
  }
}
