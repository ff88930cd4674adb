// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import llmengine.engine.CodeLayout;
import llmengine.engine.CodedRows;

/**
 * The reference of {@link CodedProduct}, one number after the other: x of one token against one row
 * of weights.
 */
final class ScalarCodedProduct {
  private static final int BLOCK = 32;

  private final CodeGroup group = new CodeGroup();

  float dot(float[] x, CodedRows b, int row) {
    CodeLayout layout = b.layout();
    float[] p = new float[8];
    int blocks = b.cols() / BLOCK;
    for (int block = 0; block < blocks; block++) {
      if (block % 8 == 0) {
        long at = b.address() + row * b.rowBytes();
        long before = (long) block * BLOCK / layout.blockValues() * layout.blockBytes();
        group.unpack(layout, at + before, Math.min(8, blocks - block));
      }
      block(x, block, p);
    }
    return (p[0] + p[4] + (p[2] + p[6])) + (p[1] + p[5] + (p[3] + p[7]));
  }

  private void block(float[] x, int block, float[] p) {
    int lane = block % 8;
    float max = 0;
    for (int i = 0; i < BLOCK; i++) {
      max = Math.max(max, Math.abs(x[block * BLOCK + i]));
    }
    boolean finite = max < Float.POSITIVE_INFINITY;
    float scale = !finite ? Float.NaN : max < 1e-36f ? 0 : max / 127;
    float factor = finite && scale > 0 ? 127 / max : 0;
    int sum = 0;
    int codes = 0;
    for (int i = 0; i < BLOCK; i++) {
      int code = factor == 0 ? 0 : (int) Math.rint(x[block * BLOCK + i] * factor);
      int weight = group.codes[lane * BLOCK + i] - group.bias;
      int own = group.hasHalfScales ? group.halfScales[2 * lane + i / 16] : 1;
      sum += own * weight * code;
      codes += code;
    }
    p[lane] = Math.fma(group.scales[lane] * scale, sum, p[lane]);
    if (group.hasMinimums) {
      p[lane] = Math.fma(group.minimums[lane], scale * codes, p[lane]);
    }
  }
}
