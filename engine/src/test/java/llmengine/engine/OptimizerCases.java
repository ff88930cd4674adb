// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.List;
import llmengine.engine.OpRun.View;

/** Steps of the optimizers, each applied twice. */
final class OptimizerCases {
  private OptimizerCases() {}

  static List<OpCase> all() {
    List<OpCase> cases = new ArrayList<>();
    for (int[] s : ElementwiseCases.SHAPES) {
      boolean poisoned = s[0] * s[1] > 0 && s[0] * s[1] < 300;
      boolean small = s[0] * s[1] < 150;
      for (int t : new int[] {1, 1000}) {
        String detail = "(%d, %d) from step %d".formatted(s[0], s[1], t);
        cases.add(new OpCase("adamW", detail, poisoned, small, run -> adamW(run, s[0], s[1], t)));
      }
      cases.add(
          new OpCase(
              "update",
              "(%d, %d)".formatted(s[0], s[1]),
              poisoned,
              small,
              run -> updates(run, s[0], s[1])));
      cases.add(
          new OpCase(
              "scaleBy",
              "(%d, %d)".formatted(s[0], s[1]),
              poisoned,
              small,
              run -> scaleBy(run, s[0], s[1])));
      for (int variant = 0; variant < 4; variant++) {
        boolean nesterov = variant == 1;
        double momentum = variant > 1 ? 0 : 0.9;
        double decay = variant % 2 == 0 ? 0.01 : 0;
        boolean buffered = variant < 3;
        String detail =
            "(%d, %d) momentum %s decay %s%s%s"
                .formatted(
                    s[0],
                    s[1],
                    momentum,
                    decay,
                    nesterov ? " nesterov" : "",
                    buffered ? "" : " without a buffer");
        cases.add(
            new OpCase(
                "sgd",
                detail,
                poisoned,
                small,
                run -> sgd(run, s[0], s[1], momentum, decay, nesterov, buffered)));
      }
    }
    return cases;
  }

  private static void adamW(OpRun run, int m, int n, int t) {
    Tensor p = run.matrix(View.WHOLE, m, n);
    Tensor g = run.matrix(View.WHOLE, m, n);
    Tensor first = run.matrix(View.WHOLE, m, n);
    Tensor second = run.positive(View.WHOLE, m, n);
    for (int step = t; step < t + 2; step++) {
      var rule = new Update.AdamW(0.5f, 1e-2, 0.9, 0.999, 1e-8, 0.1, step);
      run.backend().update(rule, p, g, first, second);
    }
    run.result("p", p, 1);
    run.result("m", first, 1);
    run.result("v", second, 1);
  }

  private static void updates(OpRun run, int m, int n) {
    for (Update rule :
        new Update[] {
          new Update.Lion(0.5f, 0.01, 0.9, 0.99, 0.1),
          new Update.Adagrad(0.5f, 0.01, 1e-10, 0.1),
          new Update.RmsProp(0.5f, 0.01, 0.99, 1e-8, 0.1),
          new Update.AdamDirection(0.5f, 0.9, 0.999, 1e-8)
        }) {
      Tensor p = run.matrix(View.WHOLE, m, n);
      Tensor g = run.matrix(View.WHOLE, m, n);
      boolean squares = !(rule instanceof Update.Lion || rule instanceof Update.AdamDirection);
      Tensor first = squares ? run.positive(View.WHOLE, m, n) : run.matrix(View.WHOLE, m, n);
      Tensor second = rule instanceof Update.AdamDirection ? run.positive(View.WHOLE, m, n) : null;
      run.backend().update(rule, p, g, first, second);
      String name = rule.getClass().getSimpleName();
      run.result(name + " p", p, 1);
      run.result(name + " first", first, 1);
      if (second != null) {
        run.result(name + " second", second, 1);
      }
    }
  }

  private static void scaleBy(OpRun run, int m, int n) {
    Tensor x = run.matrix(View.WHOLE, m, n);
    Tensor rows = run.outputVector(false, m);
    Tensor columns = run.outputVector(false, n);
    run.backend().rowSquares(x, rows);
    run.backend().columnSquares(x, columns);
    run.result("row squares", rows, n);
    run.result("column squares", columns, m);
    Tensor out = run.matrix(View.WHOLE, m, n);
    run.backend().scaleBy(x, rows, columns, out, true);
    run.result("scaled", out, 1);
    run.backend().scaleBy(x, rows, null, out, false);
    run.result("rows scaled", out, 1);
  }

  private static void sgd(
      OpRun run, int m, int n, double momentum, double decay, boolean nesterov, boolean buffered) {
    Tensor p = run.matrix(View.WHOLE, m, n);
    Tensor g = run.matrix(View.WHOLE, m, n);
    Tensor buf = buffered ? run.output(View.WHOLE, false, m, n) : null; // NaN: unused at first
    for (int step = 0; step < 2; step++) {
      run.backend().sgd(p, g, buf, 0.5f, 0.1, momentum, decay, nesterov, step == 0);
    }
    run.result("p", p, 1);
    if (buffered) {
      run.result("buf", buf, 1);
    }
  }
}
