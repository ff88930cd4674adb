// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import llmengine.engine.OpRun.View;

/** Element-wise operations, sums, copies and moves of values. */
final class ElementwiseCases {
  /** (M, N): every size as rows or columns. */
  static final int[][] SHAPES = {
    {1, 1},
    {2, 3},
    {3, 5},
    {5, 7},
    {7, 8},
    {8, 13},
    {13, 16},
    {16, 31},
    {31, 33},
    {33, 64},
    {64, 100},
    {2, 127},
    {5, 128},
    {3, 257},
    {257, 1},
    {2, 1024},
    {2, 5003},
    {1, 17000},
    {0, 16}
  };

  private interface Body {
    void run(OpRun run, View view, boolean accumulate, int m, int n);
  }

  private final List<OpCase> cases = new ArrayList<>();

  private ElementwiseCases() {}

  static List<OpCase> all() {
    ElementwiseCases all = new ElementwiseCases();
    all.arithmetic();
    all.rows();
    all.noise();
    all.functions();
    all.moves();
    return all.cases;
  }

  private void each(String op, boolean accumulates, Body body) {
    for (int[] s : SHAPES) {
      View view = View.values()[(s[0] + s[1] / 2) % 2];
      for (boolean accumulate : accumulates ? new boolean[] {false, true} : new boolean[] {false}) {
        String detail =
            "(%d, %d) %s%s".formatted(s[0], s[1], view, accumulate ? " accumulate" : "");
        Consumer<OpRun> run = r -> body.run(r, view, accumulate, s[0], s[1]);
        boolean poisoned = s[0] * s[1] > 0 && s[0] * s[1] < 600;
        cases.add(new OpCase(op, detail, poisoned, s[0] * s[1] < 150, run));
      }
    }
  }

  private void arithmetic() {
    each(
        "add",
        false,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.output(view, false, m, n);
          run.backend().add(run.matrix(view, m, n), run.matrix(View.WHOLE, m, n), out);
          run.result("out", out, 1);
        });
    each(
        "scale",
        true,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.output(view, accumulate, m, n);
          run.backend().scale(run.matrix(view, m, n), -1.7f, out, accumulate);
          run.result("out", out, 1);
        });
    each(
        "multiply",
        true,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.output(view, accumulate, m, n);
          Tensor a = run.matrix(view, m, n);
          run.backend().multiply(a, run.matrix(View.WHOLE, m, n), out, accumulate);
          run.result("out", out, 1);
        });
    each(
        "dropout",
        true,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.output(view, accumulate, m, n);
          Tensor keys = run.ids(m, 1 << 30);
          run.backend()
              .dropout(run.matrix(view, m, n), 0.3f, 0x123456789ABCDEFL, keys, out, accumulate);
          run.result("out", out, 1);
        });
  }

  private void noise() {
    each(
        "addNoise",
        false,
        (run, view, accumulate, m, n) -> {
          Tensor x = run.output(view, true, m, n);
          run.backend().addNoise(x, 0.7f, 0x123456789ABCDEFL, run.ids(m, 1 << 30));
          run.result("x", x, 1);
        });
  }

  private void rows() {
    each(
        "addRow",
        false,
        (run, view, accumulate, m, n) -> {
          Tensor x = run.output(view, true, m, n);
          run.backend().addRow(x, run.vector(1, n));
          run.result("x", x, 1);
        });
    each(
        "multiplyRow",
        true,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.output(view, accumulate, m, n);
          run.backend().multiplyRow(run.matrix(view, m, n), run.vector(1, n), out, accumulate);
          run.result("out", out, 1);
        });
    each(
        "sumRows",
        true,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.outputVector(accumulate, n);
          run.backend().sumRows(run.matrix(view, m, n), out, accumulate);
          run.result("out", out, Math.sqrt(m));
        });
    each(
        "sum, sumOfSquares, firstNonFiniteRow",
        false,
        (run, view, accumulate, m, n) -> {
          Tensor x = run.matrix(view, m, n);
          run.result("sum", run.backend().sum(x), 1);
          run.result("sum of squares", run.backend().sumOfSquares(x), 1);
          run.result("row", run.backend().firstNonFiniteRow(x), 0);
        });
  }

  private void functions() {
    for (Activation f : Activation.values()) {
      for (double scale : new double[] {1, 12}) { // 12: also where the functions saturate
        each(
            "activation " + f + " of values about " + scale,
            false,
            (run, view, accumulate, m, n) -> {
              Tensor out = run.output(view, false, m, n);
              run.backend().activation(f, run.matrix(view, DType.F32, scale, m, n), out);
              run.result("out", out, 1);
            });
        each(
            "activationBackward " + f + " of values about " + scale,
            true,
            (run, view, accumulate, m, n) -> {
              Tensor dx = run.output(view, accumulate, m, n);
              Tensor x = run.matrix(view, DType.F32, scale, m, n);
              Tensor dy = run.matrix(View.WHOLE, m, n);
              run.backend().activationBackward(f, x, dy, dx, accumulate);
              run.result("dx", dx, 1);
            });
      }
      each(
          "gated " + f,
          false,
          (run, view, accumulate, m, n) -> {
            Tensor out = run.output(view, false, m, n);
            Tensor gate = run.matrix(view, DType.F32, 3, m, n);
            run.backend().gated(f, gate, run.matrix(view, m, n), out);
            run.result("out", out, 1);
          });
      each(
          "gatedBackward " + f,
          true,
          (run, view, accumulate, m, n) -> {
            Tensor dgate = run.output(view, accumulate, m, n);
            Tensor dup = run.output(view, !accumulate, m, n);
            Tensor gate = run.matrix(view, DType.F32, 3, m, n);
            Tensor up = run.matrix(view, m, n);
            Tensor dy = run.matrix(View.WHOLE, m, n);
            Backend b = run.backend();
            b.gatedBackward(f, gate, up, dy, dgate, accumulate, dup, !accumulate);
            run.result("dgate", dgate, 1);
            run.result("dup", dup, 1);
            Tensor alone = run.output(view, accumulate, m, n);
            b.gatedBackward(f, gate, up, dy, alone, accumulate, null, false);
            run.result("dgate alone", alone, 1);
            Tensor other = run.output(view, accumulate, m, n);
            b.gatedBackward(f, gate, up, dy, null, false, other, accumulate);
            run.result("dup alone", other, 1);
          });
    }
    each(
        "softcap",
        false,
        (run, view, accumulate, m, n) -> {
          Tensor x = run.matrix(view, DType.F32, 20, m, n);
          run.backend().softcap(x, 15);
          run.result("x", x, 1);
        });
  }

  private void moves() {
    for (DType from : List.of(DType.F32, DType.BF16, DType.F16, DType.PACKED)) {
      for (DType to : List.of(DType.F32, DType.BF16, DType.F16)) {
        each(
            "copy " + from + " to " + to,
            false,
            (run, view, accumulate, m, n) -> {
              Tensor target = run.scope().empty(to, m, n);
              run.backend().copy(run.matrix(view, from, 1, m, n), target);
              run.result("target", target, 0);
            });
      }
    }
    each(
        "fill",
        false,
        (run, view, accumulate, m, n) -> {
          Tensor out = run.output(view, false, m, n);
          run.backend().fill(out, m % 2 == 0 ? 0 : 2.5f);
          run.result("out", out, 0);
        });
  }
}
