// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import llmengine.engine.Activation;
import llmengine.engine.AttentionShape;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;

/**
 * Calls of every op in odd shapes and strides, with the values they leave behind. The same list
 * runs on several backends, thread counts and (as a program of its own) vector widths.
 */
final class KernelCases {
  /** What one call wrote. */
  record Result(String name, float[] values) {}

  private static final int[] SIZES = {1, 2, 3, 5, 7, 8, 13, 16, 31, 33, 48, 64, 100, 130};

  private final Backend backend;
  private final List<Result> results = new ArrayList<>();

  private KernelCases(Backend backend) {
    this.backend = backend;
  }

  /** Prints a hash of all results, for comparison between processes. */
  public static void main(String[] arguments) {
    System.out.println("hash " + hash(run(new VectorBackend(new Team(1)))));
  }

  static long hash(List<Result> results) {
    long hash = 1;
    for (Result result : results) {
      for (float value : result.values) {
        hash = hash * 31 + Float.floatToIntBits(value);
      }
    }
    return hash;
  }

  static List<Result> run(Backend backend) {
    KernelCases cases = new KernelCases(backend);
    cases.products();
    cases.elementwise();
    cases.norms();
    cases.rope();
    cases.attention();
    cases.tables();
    cases.losses();
    cases.optimizers();
    return cases.results;
  }

  private void with(String name, long seed, BiConsumer<Scope, Random> body) {
    try (Scope scope = new Scope(backend, name)) {
      body.accept(scope, new Random(seed));
    }
  }

  private void keep(String name, Tensor... outputs) {
    for (Tensor t : outputs) {
      results.add(new Result(name, t.toFloats()));
    }
  }

  private static int size(Random random) {
    return SIZES[random.nextInt(SIZES.length)];
  }

  /** A random matrix, often a column slice of a wider one. */
  private static Tensor matrix(Scope scope, Random random, DType dtype, int rows, int columns) {
    int left = random.nextInt(3);
    int right = random.nextInt(3);
    Tensor whole = scope.empty(dtype, rows, left + columns + right);
    float[] values = new float[Math.toIntExact(whole.size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    whole.set(values);
    return left + right == 0 ? whole : whole.columns(left, left + columns);
  }

  private static Tensor vector(Scope scope, Random random, int n) {
    return matrix(scope, random, DType.F32, 1, n);
  }

  private static DType dtype(Random random) {
    return new DType[] {DType.F32, DType.BF16, DType.F16}[random.nextInt(3)];
  }

  private void products() {
    for (int i = 0; i < 40; i++) {
      int number = i;
      with(
          "product",
          i,
          (scope, random) -> {
            int m = size(random);
            int n = size(random);
            int k = number % 10 == 9 ? 600 : number == 5 ? 0 : size(random);
            float alpha = random.nextBoolean() ? 1 : 0.3f;
            boolean accumulate = random.nextBoolean();
            DType weight = dtype(random);
            Tensor c = matrix(scope, random, DType.F32, m, n);
            String name = " " + m + "x" + n + "x" + k + " " + weight + " " + accumulate;
            switch (number % 4) {
              case 0 -> {
                Tensor a = matrix(scope, random, DType.F32, m, k);
                Tensor b = matrix(scope, random, weight, n, k);
                backend.matmulNT(a, b, alpha, c, accumulate);
                keep("NT" + name, c);
              }
              case 1 -> {
                Tensor a = matrix(scope, random, DType.F32, m, k);
                Tensor b = matrix(scope, random, weight, k, n);
                backend.matmulNN(a, b, alpha, c, accumulate);
                keep("NN" + name, c);
              }
              case 2 -> {
                Tensor a = matrix(scope, random, DType.F32, k, m);
                Tensor b = matrix(scope, random, weight, k, n);
                backend.matmulTN(a, b, alpha, c, accumulate);
                keep("TN" + name, c);
              }
              default -> {
                Tensor a = matrix(scope, random, DType.F32, m, k);
                Tensor b = matrix(scope, random, weight, n, k);
                backend.matmulRows(a, b, alpha, c, accumulate);
                keep("rows" + name, c);
              }
            }
          });
    }
  }

  private void elementwise() {
    for (int i = 0; i < 6; i++) {
      int number = i;
      with(
          "elementwise",
          100 + i,
          (scope, random) -> {
            int m = number == 5 ? 3 : size(random);
            int n = number == 5 ? 5000 : size(random);
            boolean accumulate = random.nextBoolean();
            Tensor a = matrix(scope, random, DType.F32, m, n);
            Tensor b = matrix(scope, random, DType.F32, m, n);
            Tensor c = matrix(scope, random, DType.F32, m, n);
            Tensor d = matrix(scope, random, DType.F32, m, n);
            Tensor e = matrix(scope, random, DType.F32, m, n);
            backend.scale(a, 4, a, false);
            backend.scale(a, 0.7f, c, accumulate);
            keep("scale", c);
            backend.multiply(a, b, c, accumulate);
            keep("multiply", c);
            backend.add(a, b, d);
            keep("add", d);
            backend.addRow(d, vector(scope, random, n));
            keep("addRow", d);
            Tensor sums = vector(scope, random, n);
            backend.sumRows(d, sums, accumulate);
            keep("sumRows", sums);
            for (Activation f : Activation.values()) {
              backend.activation(f, a, d);
              keep(f + " " + m + "x" + n, d);
              backend.activationBackward(f, a, b, c, accumulate);
              keep(f + " backward", c);
              backend.gated(f, a, b, e);
              keep(f + " gated", e);
              backend.gatedBackward(f, a, b, e, c, accumulate, d, !accumulate);
              keep(f + " gated backward", c, d);
            }
            int[] keys = random.ints(m).toArray();
            backend.dropout(a, 0.3f, random.nextLong(), scope.of(keys), c, accumulate);
            keep("dropout", c);
            backend.softcap(b, 2);
            keep("softcap", b);
            Tensor half = matrix(scope, random, dtype(random), m, n);
            backend.copy(half, c);
            keep("copy", c);
          });
    }
  }

  private void norms() {
    for (int i = 0; i < 10; i++) {
      int number = i;
      with(
          "norms",
          200 + i,
          (scope, random) -> {
            int m = number == 9 ? 2 : size(random);
            int n = number == 9 ? 3000 : size(random);
            boolean accumulate = random.nextBoolean();
            Tensor x = matrix(scope, random, DType.F32, m, n);
            Tensor w = vector(scope, random, n);
            Tensor b = vector(scope, random, n);
            Tensor out = matrix(scope, random, DType.F32, m, n);
            Tensor dx = matrix(scope, random, DType.F32, m, n);
            Tensor dw = vector(scope, random, n);
            Tensor db = vector(scope, random, n);
            Tensor rstd = scope.empty(DType.F32, m);
            Tensor mean = scope.empty(DType.F32, m);
            float offset = random.nextInt(2);
            backend.rmsNorm(x, w, offset, 1e-5f, out, rstd);
            keep("rmsNorm " + m + "x" + n, out, rstd);
            backend.rmsNormBackward(out, x, w, offset, rstd, dx, accumulate, dw, accumulate);
            keep("rmsNorm backward " + m + "x" + n, dx, dw);
            backend.layerNorm(x, w, random.nextBoolean() ? b : null, 1e-5f, out, mean, rstd);
            keep("layerNorm " + m + "x" + n, out, mean, rstd);
            if (n > 2) { // the gradient of two values' norm is nothing but rounding
              backend.layerNormBackward(out, x, w, mean, rstd, dx, false, dw, db, accumulate);
              keep("layerNorm backward " + m + "x" + n, dx, dw, db);
            }
          });
    }
  }

  private void rope() {
    for (int i = 0; i < 8; i++) {
      int number = i;
      with(
          "rope",
          300 + i,
          (scope, random) -> {
            int half = 1 + random.nextInt(40);
            int headDim = 2 * half + random.nextInt(3);
            int heads = 1 + random.nextInt(4);
            int m = size(random);
            Tensor x = matrix(scope, random, DType.F32, m, heads * headDim);
            Tensor out = matrix(scope, random, DType.F32, m, heads * headDim);
            Tensor cos = matrix(scope, random, DType.F32, 50, half);
            Tensor sin = matrix(scope, random, DType.F32, 50, half);
            Tensor positions = scope.of(random.ints(m, 0, 50).toArray());
            boolean inverse = number % 2 == 1;
            backend.rope(x, positions, cos, sin, headDim, inverse, out, random.nextBoolean());
            keep("rope", out);
            backend.rope(x, positions, cos, sin, headDim, inverse, x, false);
            keep("rope in place", x);
          });
    }
  }

  private void attention() {
    for (int i = 0; i < 9; i++) {
      int number = i;
      with(
          "attention",
          400 + i,
          (scope, random) -> {
            int kvHeads = 1 + random.nextInt(3);
            int groups = 1 + random.nextInt(3);
            int headDim = new int[] {4, 8, 20, 33, 40, 64}[random.nextInt(6)];
            int window = number % 3 == 1 ? 1 + random.nextInt(150) : 0;
            float softcap = number % 4 == 2 ? 3 : 0;
            var shape =
                new AttentionShape(kvHeads * groups, kvHeads, headDim, 0.2f, window, softcap);
            int[] lengths = {1, 0, 140 + random.nextInt(20), 1 + random.nextInt(20)};
            Segments segments =
                number % 5 == 4
                    ? new Segments(
                        new int[] {0, 3}, new int[] {3, 1}, new int[] {0, 150}, new int[] {150, 20})
                    : Segments.of(lengths);
            int queries = segments.queries();
            int keys = number % 5 == 4 ? 170 : queries;
            Tensor q = matrix(scope, random, DType.F32, queries, kvHeads * groups * headDim);
            Tensor k = matrix(scope, random, DType.F32, keys, kvHeads * headDim);
            Tensor v = matrix(scope, random, DType.F32, keys, kvHeads * headDim);
            Tensor out = matrix(scope, random, DType.F32, queries, q.cols());
            Tensor lse = scope.empty(DType.F32, queries, kvHeads * groups);
            backend.attention(q, k, v, segments, shape, out, lse);
            String name = "attention " + shape + " " + queries + "/" + keys;
            keep(name, out, lse);
            boolean accumulate = random.nextBoolean();
            Tensor dout = matrix(scope, random, DType.F32, queries, q.cols());
            Tensor dq = matrix(scope, random, DType.F32, queries, q.cols());
            Tensor dk = matrix(scope, random, DType.F32, keys, k.cols());
            Tensor dv = matrix(scope, random, DType.F32, keys, k.cols());
            backend.attentionBackward(
                dout,
                q,
                k,
                v,
                out,
                lse,
                segments,
                shape,
                dq,
                accumulate,
                dk,
                false,
                dv,
                accumulate);
            keep("backward of " + name, dq, dk, dv);
          });
    }
  }

  private void tables() {
    for (int i = 0; i < 6; i++) {
      int number = i;
      with(
          "tables",
          500 + i,
          (scope, random) -> {
            int columns = number == 5 ? 2500 : size(random);
            int m = size(random);
            Tensor table = matrix(scope, random, dtype(random), 40, columns);
            Tensor ids = scope.of(random.ints(m, 0, 40).toArray());
            Tensor out = matrix(scope, random, DType.F32, m, columns);
            backend.embedding(table, ids, 1.5f, out);
            keep("embedding", out);
            Tensor gradient = matrix(scope, random, DType.F32, 40, columns);
            backend.embeddingBackward(out, ids, 0.5f, gradient);
            keep("embedding backward", gradient);
            backend.gatherRows(gradient, ids, out);
            keep("gatherRows", out);
            int[] distinct = random.ints(0, 40).distinct().limit(Math.min(m, 30)).toArray();
            backend.scatterAddRows(out.rows(0, distinct.length), scope.of(distinct), gradient);
            keep("scatterAddRows", gradient);
          });
    }
  }

  private void losses() {
    for (int i = 0; i < 8; i++) {
      int number = i;
      with(
          "losses",
          600 + i,
          (scope, random) -> {
            int classes = number > 5 ? 5003 : size(random);
            int m = number > 5 ? 5 : size(random);
            Tensor logits = matrix(scope, random, DType.F32, m, classes);
            backend.scale(logits, 3, logits, false);
            Tensor targets = scope.of(random.ints(m, 0, classes).toArray());
            Tensor losses = scope.empty(DType.F32, m);
            float softcap = number % 2 == 0 ? 0 : 5;
            backend.crossEntropy(logits, targets, softcap, number % 3 == 0 ? 0 : 0.25f, losses);
            keep("crossEntropy " + m + "x" + classes + " cap " + softcap, losses, logits);
          });
    }
  }

  private void optimizers() {
    for (int i = 0; i < 6; i++) {
      int number = i;
      with(
          "optimizers",
          700 + i,
          (scope, random) -> {
            int m = number == 5 ? 2 : size(random);
            int n = number == 5 ? 17000 : size(random);
            Tensor p = matrix(scope, random, DType.F32, m, n);
            Tensor g = matrix(scope, random, DType.F32, m, n);
            Tensor first = scope.zeros(DType.F32, m, n);
            Tensor second = scope.zeros(DType.F32, m, n);
            for (int t = 1; t <= 3; t++) {
              backend.adamW(p, g, first, second, 0.5f, 1e-2, 0.9, 0.999, 1e-8, 0.1, t);
            }
            keep("adamW", p, first, second);
            for (int t = 1; t <= 2; t++) {
              backend.sgd(p, g, first, 0.5f, 1e-2, 0.9, 0.1, number % 2 == 0, t == 1);
            }
            backend.sgd(p, g, null, 0.5f, 1e-2, 0.9, 0.1, false, false);
            keep("sgd", p, first);
            float sum = (float) backend.sum(g);
            float squares = (float) backend.sumOfSquares(g);
            float bad = backend.firstNonFiniteRow(g);
            results.add(new Result("sums", new float[] {sum, squares, bad}));
          });
    }
  }
}
