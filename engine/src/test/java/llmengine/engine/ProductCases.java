// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.List;
import llmengine.engine.OpRun.View;

/** The four matrix products, with weights of every float dtype and packed. */
final class ProductCases {
  static final int[] SIZES = {1, 2, 3, 5, 7, 8, 13, 16, 31, 33, 64, 100, 127, 128, 257};

  private enum Product {
    NT("matmulNT"),
    NN("matmulNN"),
    TN("matmulTN"),
    ROWS("matmulRows");

    private final String op;

    Product(String op) {
      this.op = op;
    }
  }

  private ProductCases() {}

  static List<OpCase> all() {
    List<OpCase> cases = new ArrayList<>();
    for (Product product : Product.values()) {
      for (int[] s : shapes()) {
        for (DType dtype : List.of(DType.F32, DType.BF16, DType.F16, DType.PACKED)) {
          if (product == Product.TN && dtype == DType.PACKED) {
            continue; // a packed weight has no gradient
          }
          cases.add(of(product, dtype, s[0], s[1], s[2]));
        }
      }
    }
    return cases;
  }

  /** (M, N, K): every size in every place, in different company. */
  private static List<int[]> shapes() {
    List<int[]> shapes = new ArrayList<>();
    int n = SIZES.length;
    for (int i = 0; i < n; i++) {
      shapes.add(new int[] {SIZES[i], SIZES[(7 * i + 4) % n], SIZES[(11 * i + 2) % n]});
    }
    shapes.add(new int[] {2, 3, 1024});
    shapes.add(new int[] {1024, 3, 5});
    shapes.add(new int[] {3, 1024, 7});
    shapes.add(new int[] {33, 31, 1024});
    shapes.add(new int[] {1601, 2, 5}); // more rows and columns than products cut into slabs
    shapes.add(new int[] {2, 2101, 3});
    shapes.add(new int[] {0, 16, 8});
    shapes.add(new int[] {5, 4, 0});
    return shapes;
  }

  private static OpCase of(Product product, DType dtype, int m, int n, int k) {
    int mix = m + 3 * n + 5 * k + dtype.ordinal();
    View view = mix % 3 == 0 ? View.WHOLE : View.COLUMNS;
    boolean accumulate = mix % 2 == 0;
    float alpha = mix % 4 < 2 ? 1 : -0.75f;
    String detail =
        "(%d, %d, %d) %s %s%s alpha %s"
            .formatted(m, n, k, dtype, view, accumulate ? " accumulate" : "", alpha);
    long work = (long) m * n * k;
    return new OpCase(
        product.op,
        detail,
        work > 0 && work < 3000,
        work < 20000,
        run -> {
          boolean transposed = product == Product.TN;
          boolean byColumn = product == Product.NT || product == Product.ROWS;
          Tensor a = run.matrix(view, transposed ? k : m, transposed ? m : k);
          Tensor b = run.matrix(view, dtype, 1, byColumn ? n : k, byColumn ? k : n);
          Tensor c = run.output(view, accumulate, m, n);
          switch (product) {
            case NT -> run.backend().matmulNT(a, b, alpha, c, accumulate);
            case NN -> run.backend().matmulNN(a, b, alpha, c, accumulate);
            case TN -> run.backend().matmulTN(a, b, alpha, c, accumulate);
            case ROWS -> run.backend().matmulRows(a, b, alpha, c, accumulate);
          }
          run.result("c", c, 2 * Math.sqrt(k));
        });
  }
}
