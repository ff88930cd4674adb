// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;

/** What must hold bit for bit between results of one backend. */
public final class OpLaws {
  private OpLaws() {}

  /** A test for every law. */
  public static Stream<DynamicNode> of(Backend backend) {
    return Stream.concat(own(backend), PackedLaws.of(backend));
  }

  private static Stream<DynamicNode> own(Backend backend) {
    return Stream.of(
        DynamicTest.dynamicTest(
            "matmulRows: a row does not depend on how many there are",
            () -> rowsAreIndependent(backend, Backend::matmulRows)),
        DynamicTest.dynamicTest(
            "matmulNT: a row does not depend on how many there are",
            () -> rowsAreIndependent(backend, Backend::matmulNT)),
        DynamicTest.dynamicTest(
            "attention: a sequence does not depend on its neighbours",
            () -> sequencesAreIndependent(backend)),
        DynamicTest.dynamicTest(
            "attention: branches of a shared prefix are two whole sequences",
            () -> branchesAreSequences(backend)),
        DynamicTest.dynamicTest(
            "attention: keys in blocks are keys in one piece",
            () -> PagedKeysLaws.blocksAreOnePiece(backend)),
        DynamicTest.dynamicTest(
            "attention: tables of blocks are checked",
            () -> PagedKeysLaws.tablesAreChecked(backend)),
        DynamicTest.dynamicTest(
            "attention: queries one by one are queries together",
            () -> PagedKeysLaws.piecesAreOneRun(backend)),
        DynamicTest.dynamicTest(
            "attention: NaN and infinity stay within their sequence",
            () -> poisonStaysInItsSequence(backend)),
        DynamicTest.dynamicTest(
            "dropout: keeps its share, and forward and backward see one mask",
            () -> dropoutIsOneMask(backend)),
        DynamicTest.dynamicTest(
            "dropout: a row's mask depends on its key alone", () -> maskFollowsKeys(backend)),
        DynamicTest.dynamicTest("the same call twice gives the same bits", () -> repeats(backend)));
  }

  private interface Product {
    void run(Backend b, Tensor x, Tensor w, float alpha, Tensor c, boolean accumulate);
  }

  private static void rowsAreIndependent(Backend backend, Product product) {
    try (Scope scope = new Scope(backend, "laws")) {
      int k = 257;
      int n = 100;
      for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16}) {
        Tensor x = scope.of(normal(1, 64 * k), 64, k);
        Tensor w = scope.empty(dtype, n, k).set(normal(2, n * k));
        Tensor all = scope.empty(DType.F32, 64, n);
        product.run(backend, x, w, 1, all, false);
        for (int m : new int[] {1, 2, 3, 4, 5, 7, 8, 13, 16, 33}) {
          Tensor some = scope.empty(DType.F32, m, n);
          product.run(backend, x.rows(64 - m, 64), w, 1, some, false);
          assertThat(some.toFloats())
              .as(dtype + ", " + m + " rows")
              .containsExactly(all.rows(64 - m, 64).toFloats());
        }
      }
    }
  }

  private static void sequencesAreIndependent(Backend backend) {
    int[] lengths = {5, 33, 1, 64, 100};
    AttentionShape shape = new AttentionShape(4, 2, 16, 0.25f, 48, 30);
    int rows = Arrays.stream(lengths).sum();
    try (Scope scope = new Scope(backend, "laws")) {
      Tensor qkv = scope.of(normal(3, rows * 128), rows, 128);
      Tensor dout = scope.of(normal(4, rows * 64), rows, 64);
      float[][] packed = attention(scope, qkv, dout, shape, Segments.of(lengths));
      int from = 0;
      for (int length : lengths) {
        int to = from + length;
        float[][] alone =
            attention(scope, qkv.rows(from, to), dout.rows(from, to), shape, Segments.of(length));
        for (int i = 0; i < alone.length; i++) {
          int cols = packed[i].length / rows;
          assertThat(alone[i])
              .as("sequence of " + length + ", result " + i)
              .containsExactly(Arrays.copyOfRange(packed[i], from * cols, to * cols));
        }
        from = to;
      }
    }
  }

  /**
   * A prefix with two branches gives the bits of two whole sequences; gradients are equal within
   * rounding, those of the prefix the sums of the two.
   */
  private static void branchesAreSequences(Backend backend) {
    for (int window : new int[] {0, 48}) {
      AttentionShape shape = new AttentionShape(4, 2, 16, 0.25f, window, 30);
      for (int[] lengths : new int[][] {{70, 9, 100}, {128, 1, 5}, {1, 33, 2}, {130, 0, 140}}) {
        int prefix = lengths[0];
        int rows = prefix + lengths[1] + lengths[2];
        try (Scope scope = new Scope(backend, "laws")) {
          float[] inputs = normal(3, rows * 128);
          float[] gradients = normal(4, rows * 64);
          // the prefix's own outputs lead nowhere in the second sequence, or they would count twice
          float[][] shared =
              attention(
                  scope,
                  scope.of(inputs, rows, 128),
                  scope.of(gradients, rows, 64),
                  shape,
                  Segments.branching(lengths, new int[] {-1, 0, 0}));
          for (int branch = 1; branch <= 2; branch++) {
            int length = lengths[branch];
            int at = branch == 1 ? prefix : prefix + lengths[1];
            float[] x = join(inputs, 128, prefix, at, length);
            float[] g = join(gradients, 64, prefix, at, length);
            if (branch == 2) {
              Arrays.fill(g, 0, prefix * 64, 0);
            }
            float[][] alone =
                attention(
                    scope,
                    scope.of(x, prefix + length, 128),
                    scope.of(g, prefix + length, 64),
                    shape,
                    Segments.of(prefix + length));
            for (int i = 0; i < alone.length; i++) {
              int cols = shared[i].length / rows;
              String what = "window " + window + " branch " + branch + ", result " + i;
              float[] tail = Arrays.copyOfRange(alone[i], prefix * cols, alone[i].length);
              float[] same = Arrays.copyOfRange(shared[i], at * cols, (at + length) * cols);
              if (i < 2) {
                assertThat(same).as(what).containsExactly(tail);
              } else {
                assertThat(same).as(what).usingComparatorWithPrecision(2e-4f).containsExactly(tail);
              }
              for (int j = 0; j < prefix * cols; j++) {
                if (i < 2) {
                  assertThat(shared[i][j]).as(what).isEqualTo(alone[i][j]);
                } else {
                  shared[i][j] -= alone[i][j];
                }
              }
            }
          }
          for (int i = 2; i < shared.length; i++) {
            for (int j = 0; j < prefix * (shared[i].length / rows); j++) {
              assertThat(shared[i][j]).as("what the branches leave").isCloseTo(0f, within(2e-4f));
            }
          }
        }
      }
    }
  }

  /** Rows 0 .. prefix and at .. at + length of a matrix. */
  private static float[] join(float[] matrix, int cols, int prefix, int at, int length) {
    float[] joined = Arrays.copyOf(matrix, (prefix + length) * cols);
    System.arraycopy(matrix, at * cols, joined, prefix * cols, length * cols);
    return joined;
  }

  private static void poisonStaysInItsSequence(Backend backend) {
    AttentionShape shape = new AttentionShape(4, 2, 16, 0.25f, 0, 0);
    int[] lengths = {9, 5, 20};
    for (float poison : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      for (int column : new int[] {3, 70, 100}) { // of q, k and v
        try (Scope scope = new Scope(backend, "laws")) {
          float[] values = normal(7, 34 * 128);
          values[11 * 128 + column] = poison;
          Tensor qkv = scope.of(values, 34, 128);
          Tensor dout = scope.of(normal(8, 34 * 64), 34, 64);
          float[][] results = attention(scope, qkv, dout, shape, Segments.of(lengths));
          for (float[] result : results) {
            int cols = result.length / 34;
            for (int i = 0; i < result.length; i++) {
              int row = i / cols;
              if ((row < 9 || row >= 14) && !Float.isFinite(result[i])) {
                throw new AssertionError(poison + " in row 11 reached row " + row);
              }
            }
          }
        }
      }
    }
  }

  /** out, lse, dq, dk, dv. */
  private static float[][] attention(
      Scope scope, Tensor qkv, Tensor dout, AttentionShape shape, Segments segments) {
    Backend b = scope.backend();
    int m = qkv.rows();
    Tensor q = qkv.columns(0, 64);
    Tensor k = qkv.columns(64, 96);
    Tensor v = qkv.columns(96, 128);
    Tensor out = scope.empty(DType.F32, m, 64);
    Tensor lse = scope.empty(DType.F32, m, 4);
    b.attention(q, k, v, segments, shape, out, lse);
    Tensor dq = scope.empty(DType.F32, m, 64);
    Tensor dk = scope.empty(DType.F32, m, 32);
    Tensor dv = scope.empty(DType.F32, m, 32);
    b.attentionBackward(dout, q, k, v, out, lse, segments, shape, dq, false, dk, false, dv, false);
    return new float[][] {
      out.toFloats(), lse.toFloats(), dq.toFloats(), dk.toFloats(), dv.toFloats()
    };
  }

  private static void dropoutIsOneMask(Backend backend) {
    try (Scope scope = new Scope(backend, "laws")) {
      int m = 100;
      int n = 257;
      float[] ones = new float[m * n];
      Arrays.fill(ones, 1);
      Tensor x = scope.of(ones, m, n);
      Tensor keys = scope.of(java.util.stream.IntStream.range(0, m).toArray());
      for (float p : new float[] {0.05f, 0.5f, 0.9f}) {
        Tensor forward = scope.empty(DType.F32, m, n);
        backend.dropout(x, p, 42, keys, forward, false);
        float[] y = forward.toFloats();
        int kept = 0;
        for (float value : y) {
          assertThat(value).isIn(0f, 1 / (1 - p));
          kept += value != 0 ? 1 : 0;
        }
        double deviation = Math.sqrt(p * (1 - p) / y.length);
        assertThat((double) kept / y.length).isCloseTo(1 - p, within(4 * deviation));
        Tensor backward = scope.empty(DType.F32, m, n);
        backend.dropout(x, p, 42, keys, backward, false);
        assertThat(backward.toFloats()).containsExactly(y);
        Tensor other = scope.empty(DType.F32, m, n);
        backend.dropout(x, p, 43, keys, other, false);
        assertThat(other.toFloats()).isNotEqualTo(y);
      }
    }
  }

  private static void maskFollowsKeys(Backend backend) {
    try (Scope scope = new Scope(backend, "laws")) {
      int n = 33;
      int[] keys = {70, 3, 999, 3, 12};
      Tensor x = scope.of(normal(5, keys.length * n), keys.length, n);
      Tensor all = scope.empty(DType.F32, keys.length, n);
      backend.dropout(x, 0.4f, 7, scope.of(keys), all, false);
      for (int r = 0; r < keys.length; r++) {
        Tensor one = scope.empty(DType.F32, 1, n);
        backend.dropout(x.rows(r, r + 1), 0.4f, 7, scope.of(keys[r]), one, false);
        assertThat(one.toFloats()).containsExactly(all.rows(r, r + 1).toFloats());
      }
    }
  }

  private static void repeats(Backend backend) {
    Function<Integer, double[]> sums =
        seed -> {
          try (Scope scope = new Scope(backend, "laws")) {
            Tensor x = scope.of(normal(seed, 1024 * 33), 1024, 33);
            Tensor out = scope.empty(DType.F32, 33);
            backend.sumRows(x, out, false);
            return new double[] {backend.sum(x), backend.sumOfSquares(x), backend.sum(out)};
          }
        };
    double[] first = sums.apply(6);
    for (int i = 0; i < 5; i++) {
      assertThat(sums.apply(6)).containsExactly(first);
    }
  }

  static float[] normal(long seed, int n) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
