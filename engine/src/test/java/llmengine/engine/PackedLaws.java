// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import llmengine.engine.op.Linear;
import llmengine.engine.op.LinearCrossEntropy;
import llmengine.engine.op.LoraLinear;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;

/**
 * A packed weight gives, bit for bit, what the matrix of its decoded values gives: in every
 * product, as a table, and through the ops that are built from them.
 */
final class PackedLaws {
  /**
   * (N, K): inside a panel, across panels of 256, across pieces of 1024, and a slice's odd rows.
   */
  private static final int[][] SHAPES = {
    {1, 5}, {3, 20}, {33, 255}, {70, 300}, {90, 1290}, {7, 2060}
  };

  private static final int[] M = {1, 3, 17};

  private PackedLaws() {}

  static Stream<DynamicNode> of(Backend backend) {
    return Stream.of(
        DynamicTest.dynamicTest(
            "a packed weight's products are those of its decoded matrix", () -> products(backend)),
        DynamicTest.dynamicTest(
            "a packed table's rows are those of its decoded matrix", () -> tables(backend)),
        DynamicTest.dynamicTest(
            "ops over a packed weight are those over its decoded matrix", () -> ops(backend)));
  }

  private interface Case {
    void with(Scope scope, Tensor packed, Tensor plain);
  }

  /** Whole matrices and slices of rows, by blocks and by columns. */
  private static void each(Backend backend, Case c) {
    for (int[] s : SHAPES) {
      try (Scope scope = new Scope(backend, "laws")) {
        Tensor blocks = Fives.random(scope, s[0], s[0] + 3, s[1]);
        float[] values = blocks.toFloats();
        Tensor columns = TransposedPacking.of(scope, values, s[0] + 3, s[1]);
        Tensor plain = scope.of(values, s[0] + 3, s[1]);
        c.with(scope, blocks, plain);
        c.with(scope, blocks.rows(2, 2 + s[0]), plain.rows(2, 2 + s[0]));
        c.with(scope, columns.rows(1, 1 + s[0]), plain.rows(1, 1 + s[0]));
      }
    }
  }

  private static void products(Backend backend) {
    each(
        backend,
        (scope, packed, plain) -> {
          for (int m : M) {
            Tensor x = normal(scope, m, packed.cols());
            Tensor dy = normal(scope, m, packed.rows());
            for (boolean add : new boolean[] {false, true}) {
              float[] old = normal(scope, m, packed.rows()).toFloats();
              Tensor y = scope.of(old, m, packed.rows());
              Tensor z = scope.of(old, m, packed.rows());
              backend.matmulNT(x, packed, 0.75f, y, add);
              backend.matmulNT(x, plain, 0.75f, z, add);
              same("matmulNT", packed, m, y, z);
              y.set(old);
              z.set(old);
              backend.matmulRows(x, packed, -1.5f, y, add);
              backend.matmulRows(x, plain, -1.5f, z, add);
              same("matmulRows", packed, m, y, z);
              old = normal(scope, m, packed.cols()).toFloats();
              y = scope.of(old, m, packed.cols());
              z = scope.of(old, m, packed.cols());
              backend.matmulNN(dy, packed, 0.75f, y, add);
              backend.matmulNN(dy, plain, 0.75f, z, add);
              same("matmulNN", packed, m, y, z);
            }
          }
        });
  }

  private static void tables(Backend backend) {
    each(
        backend,
        (scope, packed, plain) -> {
          int n = packed.rows();
          Tensor ids = scope.of(n - 1, 0, n / 2, 0);
          Tensor y = scope.empty(DType.F32, 4, packed.cols());
          Tensor z = scope.empty(DType.F32, 4, packed.cols());
          backend.embedding(packed, ids, 1.5f, y);
          backend.embedding(plain, ids, 1.5f, z);
          same("embedding", packed, 4, y, z);
          backend.gatherRows(packed, ids, y);
          backend.gatherRows(plain, ids, z);
          same("gatherRows", packed, 4, y, z);
          for (DType to : new DType[] {DType.F32, DType.BF16}) {
            Tensor copy = scope.empty(to, n, packed.cols() + 3).columns(2, 2 + packed.cols());
            Tensor expected = scope.empty(to, n, packed.cols());
            backend.copy(packed, copy);
            backend.copy(plain, expected);
            same("copy", packed, n, copy, expected);
          }
          same("read", packed, n, packed, plain);
        });
  }

  private static void ops(Backend backend) {
    try (Scope scope = new Scope(backend, "laws")) {
      Tensor packed = Fives.random(scope, 9, 44, 20);
      Tensor plain = scope.of(packed.toFloats(), 44, 20);
      Tensor x = normal(scope, 6, 20);
      Tensor a = normal(scope, 3, 20);
      Tensor b = normal(scope, 44, 3);
      float[][] got = new float[2][];
      float[][] gradients = new float[2][];
      for (int i = 0; i < 2; i++) {
        Tensor w = i == 0 ? packed : plain;
        Tensor in = scope.of(x.toFloats(), 6, 20).needsGrad(true);
        Tape tape = Tape.training(scope);
        Tensor y = LoraLinear.apply(tape, in, w, null, a, b, 0.5f, 0);
        Tensor hidden = Linear.apply(tape, y, normal(scope, 20, 44), null);
        Tensor losses =
            LinearCrossEntropy.apply(
                tape, hidden, w, null, new int[] {0, 2, 5}, new int[] {43, 0, 7}, 0, 0.5f);
        tape.backward();
        got[i] = losses.toFloats();
        gradients[i] = in.grad().toFloats();
      }
      assertThat(got[0]).isEqualTo(got[1]);
      assertThat(gradients[0]).isEqualTo(gradients[1]);
    }
  }

  private static void same(String what, Tensor packed, int m, Tensor got, Tensor expected) {
    assertThat(got.toFloats())
        .as(what + " of " + packed + " " + packed.packing().name() + ", M = " + m)
        .isEqualTo(expected.toFloats());
  }

  private static Tensor normal(Scope scope, int rows, int cols) {
    SplittableRandom random = new SplittableRandom(31L * rows + cols);
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return scope.of(values, rows, cols);
  }
}
