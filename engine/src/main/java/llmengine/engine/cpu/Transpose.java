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
 * of rows. Two stages at a time on four rows: a body with sixteen live rows exceeds what C2
 * inlines.
 */
final class Transpose {
  private static final VectorShuffle<Float> SWAP1 = swap(1);
  private static final VectorShuffle<Float> SWAP2 = swap(2);
  private static final VectorShuffle<Float> SWAP4 = swap(4);
  private static final VectorShuffle<Float> SWAP8 = swap(8);
  private static final VectorMask<Float> HIGH1 = high(1);
  private static final VectorMask<Float> HIGH2 = high(2);
  private static final VectorMask<Float> HIGH4 = high(4);
  private static final VectorMask<Float> HIGH8 = high(8);

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
      if (L == 4) {
        stages12(from, source, fromStride, to, target, toStride);
        continue;
      }
      for (int r = 0; r < L; r += 4) {
        int row = source + r * fromStride;
        stages12(from, row, fromStride, from, row, fromStride);
      }
      for (int r = 0; r < 4; r++) {
        int row = source + r * fromStride;
        if (L == 8) {
          stage4(from, row, 4 * fromStride, to, target + r * toStride, 4 * toStride);
        } else {
          stages48(from, row, 4 * fromStride, to, target + r * toStride, 4 * toStride);
        }
      }
    }
  }

  private static void stages12(float[] x, int at, int step, float[] y, int to, int toStep) {
    FloatVector a = FloatVector.fromArray(F, x, at);
    FloatVector b = FloatVector.fromArray(F, x, at + step);
    FloatVector c = FloatVector.fromArray(F, x, at + 2 * step);
    FloatVector d = FloatVector.fromArray(F, x, at + 3 * step);
    FloatVector e = a.blend(b.rearrange(SWAP1), HIGH1);
    FloatVector f = a.rearrange(SWAP1).blend(b, HIGH1);
    FloatVector g = c.blend(d.rearrange(SWAP1), HIGH1);
    FloatVector h = c.rearrange(SWAP1).blend(d, HIGH1);
    e.blend(g.rearrange(SWAP2), HIGH2).intoArray(y, to);
    f.blend(h.rearrange(SWAP2), HIGH2).intoArray(y, to + toStep);
    e.rearrange(SWAP2).blend(g, HIGH2).intoArray(y, to + 2 * toStep);
    f.rearrange(SWAP2).blend(h, HIGH2).intoArray(y, to + 3 * toStep);
  }

  private static void stages48(float[] x, int at, int step, float[] y, int to, int toStep) {
    FloatVector a = FloatVector.fromArray(F, x, at);
    FloatVector b = FloatVector.fromArray(F, x, at + step);
    FloatVector c = FloatVector.fromArray(F, x, at + 2 * step);
    FloatVector d = FloatVector.fromArray(F, x, at + 3 * step);
    FloatVector e = a.blend(b.rearrange(SWAP4), HIGH4);
    FloatVector f = a.rearrange(SWAP4).blend(b, HIGH4);
    FloatVector g = c.blend(d.rearrange(SWAP4), HIGH4);
    FloatVector h = c.rearrange(SWAP4).blend(d, HIGH4);
    e.blend(g.rearrange(SWAP8), HIGH8).intoArray(y, to);
    f.blend(h.rearrange(SWAP8), HIGH8).intoArray(y, to + toStep);
    e.rearrange(SWAP8).blend(g, HIGH8).intoArray(y, to + 2 * toStep);
    f.rearrange(SWAP8).blend(h, HIGH8).intoArray(y, to + 3 * toStep);
  }

  private static void stage4(float[] x, int at, int step, float[] y, int to, int toStep) {
    FloatVector a = FloatVector.fromArray(F, x, at);
    FloatVector b = FloatVector.fromArray(F, x, at + step);
    a.blend(b.rearrange(SWAP4), HIGH4).intoArray(y, to);
    a.rearrange(SWAP4).blend(b, HIGH4).intoArray(y, to + toStep);
  }
}
