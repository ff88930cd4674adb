// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Transposes L x L blocks (L floats in a vector) by log2(L) butterfly stages. Stage d exchanges the
 * lanes whose index has bit d with the rows whose index has it: two permutes and two blends a pair
 * of rows. Every stage goes through memory (the block stays in L1): a body with sixteen live rows
 * exceeds what C2 inlines, and this costs about 0.3 cycles an element.
 */
final class Transpose {
  private static final VectorShuffle<Float> SWAP1 = swap(1);
  private static final VectorShuffle<Float> SWAP2 = swap(2);
  private static final VectorShuffle<Float> SWAP4 = swap(4);
  private static final VectorMask<Float> HIGH1 = high(1);
  private static final VectorMask<Float> HIGH2 = high(2);
  private static final VectorMask<Float> HIGH4 = high(4);

  private static final VectorShuffle<Float> SWAP_HALF = swap(L / 2);
  private static final VectorMask<Float> HIGH_HALF = high(L / 2);

  private Transpose() {}

  private static VectorShuffle<Float> swap(int d) {
    return VectorShuffle.fromOp(F, lane -> (lane ^ d) < L ? lane ^ d : lane);
  }

  private static VectorMask<Float> high(int d) {
    boolean[] bits = new boolean[L];
    for (int lane = 0; lane < L; lane++) {
      bits[lane] = (lane & d) != 0;
    }
    return VectorMask.fromArray(F, bits, 0);
  }

  /**
   * Writes the transpose of L rows by {@code columns} (a multiple of L): to[at + c * toStride + r]
   * = from[fromAt + r * fromStride + c]. The source is overwritten.
   */
  static void rows(
      float[] from, int fromAt, int fromStride, int columns, float[] to, int at, int toStride) {
    for (int c = 0; c < columns; c += L) {
      int source = fromAt + c;
      int target = at + c * toStride;
      for (int r = 0; r < L; r += 2) {
        stage1(from, source + r * fromStride, source + (r + 1) * fromStride);
      }
      if (L > 4) {
        for (int r = 0; r < L; r += 4) {
          stage2(from, source + r * fromStride, source + (r + 2) * fromStride);
          stage2(from, source + (r + 1) * fromStride, source + (r + 3) * fromStride);
        }
      }
      if (L > 8) {
        for (int r = 0; r < 4; r++) {
          stage4(from, source + r * fromStride, source + (r + 4) * fromStride);
          stage4(from, source + (r + 8) * fromStride, source + (r + 12) * fromStride);
        }
      }
      for (int r = 0; r < L / 2; r++) {
        int low = source + r * fromStride;
        int toLow = target + r * toStride;
        half(from, low, low + L / 2 * fromStride, to, toLow, toLow + L / 2 * toStride);
      }
    }
  }

  private static void stage1(float[] x, int low, int high) {
    FloatVector a = FloatVector.fromArray(F, x, low);
    FloatVector b = FloatVector.fromArray(F, x, high);
    a.blend(b.rearrange(SWAP1), HIGH1).intoArray(x, low);
    a.rearrange(SWAP1).blend(b, HIGH1).intoArray(x, high);
  }

  private static void stage2(float[] x, int low, int high) {
    FloatVector a = FloatVector.fromArray(F, x, low);
    FloatVector b = FloatVector.fromArray(F, x, high);
    a.blend(b.rearrange(SWAP2), HIGH2).intoArray(x, low);
    a.rearrange(SWAP2).blend(b, HIGH2).intoArray(x, high);
  }

  private static void stage4(float[] x, int low, int high) {
    FloatVector a = FloatVector.fromArray(F, x, low);
    FloatVector b = FloatVector.fromArray(F, x, high);
    a.blend(b.rearrange(SWAP4), HIGH4).intoArray(x, low);
    a.rearrange(SWAP4).blend(b, HIGH4).intoArray(x, high);
  }

  private static void half(float[] x, int low, int high, float[] to, int toLow, int toHigh) {
    FloatVector a = FloatVector.fromArray(F, x, low);
    FloatVector b = FloatVector.fromArray(F, x, high);
    a.blend(b.rearrange(SWAP_HALF), HIGH_HALF).intoArray(to, toLow);
    a.rearrange(SWAP_HALF).blend(b, HIGH_HALF).intoArray(to, toHigh);
  }
}
