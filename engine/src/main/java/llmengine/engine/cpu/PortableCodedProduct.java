// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.I;
import static llmengine.engine.cpu.Lanes.L;

import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import llmengine.engine.CodedRows;

/** {@link CodedProduct} of one row of weights, by the Vector API: the twin of the machine code. */
final class PortableCodedProduct {
  private static final int BLOCK = TokenCodes.BLOCK;

  /** Bytes, as many as there are integers in a vector; eight with the narrowest. */
  private static final VectorSpecies<Byte> B =
      L == 16 ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  private final CodeGroup group = new CodeGroup();
  private float[] partials = new float[0];
  private float[] results = new float[0];

  /** Products of the row at an address with the first {@code m} tokens. */
  float[] row(CodedRows b, long address, TokenCodes[] tokens, int m) {
    if (results.length < m) {
      results = new float[m];
      partials = new float[8 * m];
    }
    Arrays.fill(partials, 0, 8 * m, 0);
    int blocks = b.cols() / BLOCK;
    long bytes = 8L * BLOCK / b.layout().blockValues() * b.layout().blockBytes();
    for (int first = 0; first < blocks; first += 8) {
      int count = Math.min(8, blocks - first);
      group.unpack(b.layout(), address + first / 8 * bytes, count);
      for (int i = 0; i < m; i++) {
        add(tokens[i], first, count, 8 * i);
      }
    }
    for (int i = 0; i < m; i++) {
      results[i] = fold(partials, 8 * i);
    }
    return results;
  }

  private void add(TokenCodes x, int first, int count, int at) {
    for (int b = 0; b < count; b++) {
      int block = first + b;
      int sum;
      if (group.hasHalfScales) {
        int low = dot(group.codes, BLOCK * b, x.codes, BLOCK * block, 16);
        int high = dot(group.codes, BLOCK * b + 16, x.codes, BLOCK * block + 16, 16);
        sum =
            group.halfScales[2 * b] * (low - group.bias * x.halfSums[2 * block])
                + group.halfScales[2 * b + 1] * (high - group.bias * x.halfSums[2 * block + 1]);
      } else {
        sum =
            dot(group.codes, BLOCK * b, x.codes, BLOCK * block, BLOCK) - group.bias * x.sums[block];
      }
      float p = Math.fma(group.scales[b] * x.scales[block], sum, partials[at + b]);
      if (group.hasMinimums) {
        p = Math.fma(group.minimums[b], x.scaledSums[block], p);
      }
      partials[at + b] = p;
    }
  }

  private static int dot(byte[] w, int wo, int[] x, int xo, int n) {
    IntVector sum = IntVector.zero(I);
    if (L == 4) { // there are no vectors of four bytes
      for (int i = 0; i < n; i += 8) {
        ByteVector bytes = ByteVector.fromArray(B, w, wo + i);
        IntVector low = (IntVector) bytes.convertShape(VectorOperators.B2I, I, 0);
        IntVector high = (IntVector) bytes.convertShape(VectorOperators.B2I, I, 1);
        sum = low.mul(IntVector.fromArray(I, x, xo + i)).add(sum);
        sum = high.mul(IntVector.fromArray(I, x, xo + i + 4)).add(sum);
      }
    } else {
      for (int i = 0; i < n; i += L) {
        ByteVector bytes = ByteVector.fromArray(B, w, wo + i);
        IntVector wide = (IntVector) bytes.convertShape(VectorOperators.B2I, I, 0);
        sum = wide.mul(IntVector.fromArray(I, x, xo + i)).add(sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /** The tree over eight partial sums. */
  static float fold(float[] p, int at) {
    float a = p[at] + p[at + 4];
    float b = p[at + 1] + p[at + 5];
    float c = p[at + 2] + p[at + 6];
    float d = p[at + 3] + p[at + 7];
    return (a + c) + (b + d);
  }
}
