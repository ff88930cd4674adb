// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.I;
import static llmengine.engine.cpu.Lanes.L;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.Tensor;

/** Dropout and noise by {@link DropoutHash}, a vector of channels at a time. */
final class Dropout {
  private static final int X = 0;

  private Dropout() {}

  static void apply(
      Team team, Tensor x, float p, long key, Tensor rowKeys, Tensor out, boolean accumulate) {
    int n = x.cols();
    float keep = 1 / (1 - p);
    int threshold = DropoutHash.threshold(p);
    Pieces.eachRow(
        team,
        x.rows(),
        n,
        (row, scratch) -> {
          int seed = DropoutHash.rowSeed(key, Pieces.integer(rowKeys, row));
          for (int c = 0; c < n; c += Pieces.SIZE) {
            int width = Math.min(Pieces.SIZE, n - c);
            float[] v = Pieces.load(x, row, c, width, scratch, X);
            drop(v, seed, c, threshold, keep, width);
            Store.run(v, 0, width, Pieces.address(out, row, c), accumulate);
          }
        });
  }

  /** x += magnitude * u, u from the hash. */
  static void addNoise(Team team, Tensor x, float magnitude, long key, Tensor rowKeys) {
    int n = x.cols();
    Pieces.eachRow(
        team,
        x.rows(),
        n,
        (row, scratch) -> {
          int seed = DropoutHash.rowSeed(key, Pieces.integer(rowKeys, row));
          for (int c = 0; c < n; c += Pieces.SIZE) {
            int width = Math.min(Pieces.SIZE, n - c);
            float[] v = Pieces.load(x, row, c, width, scratch, X);
            shake(v, seed, c, magnitude * 0x1p-31f, width);
            Store.set(v, 0, width, Pieces.address(x, row, c));
          }
        });
  }

  private static void shake(float[] x, int seed, int channel, float magnitude, int n) {
    IntVector step = IntVector.zero(I).addIndex(1).mul(0x9E3779B9);
    FloatVector scale = FloatVector.broadcast(F, magnitude);
    for (int i = 0; i < n; i += L) {
      FloatVector u =
          (FloatVector) hash(step.add(seed + (channel + i) * 0x9E3779B9)).castShape(F, 0);
      u.fma(scale, FloatVector.fromArray(F, x, i)).intoArray(x, i);
    }
  }

  private static IntVector hash(IntVector h) {
    h = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16)).mul(0x85EBCA6B);
    h = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 13)).mul(0xC2B2AE35);
    return h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16));
  }

  private static void drop(float[] x, int seed, int channel, int threshold, float keep, int n) {
    IntVector step = IntVector.zero(I).addIndex(1).mul(0x9E3779B9);
    int signed = threshold ^ 0x80000000; // unsigned order as signed order
    for (int i = 0; i < n; i += L) {
      IntVector h = hash(step.add(seed + (channel + i) * 0x9E3779B9));
      VectorMask<Integer> dropped =
          h.lanewise(VectorOperators.XOR, 0x80000000).compare(VectorOperators.LT, signed);
      FloatVector v = FloatVector.fromArray(F, x, i).mul(keep);
      v.blend(0f, dropped.cast(F)).intoArray(x, i);
    }
  }
}
