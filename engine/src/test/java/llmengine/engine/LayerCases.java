// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.List;
import llmengine.engine.OpRun.View;

/** Norms, rotary embedding, tables and cross-entropy. */
final class LayerCases {
  private static final int[][] HEADS = { // rows, heads, width, rotated channels
    {1, 1, 2, 2},
    {2, 3, 8, 8},
    {5, 2, 16, 4},
    {7, 4, 64, 64},
    {13, 1, 100, 32},
    {3, 5, 6, 6},
    {0, 2, 8, 8},
    {33, 2, 128, 128},
    {4, 3, 10, 6}
  };

  private final List<OpCase> cases = new ArrayList<>();

  private LayerCases() {}

  static List<OpCase> all() {
    LayerCases all = new LayerCases();
    for (int[] s : ElementwiseCases.SHAPES) {
      View view = View.values()[(s[0] + s[1] / 2) % 2];
      for (boolean accumulate : new boolean[] {false, true}) {
        all.rmsNorm(view, accumulate, s[0], s[1]);
        all.layerNorm(view, accumulate, s[0], s[1]);
        if (s[1] > 0) {
          all.crossEntropy(view, accumulate, s[0], s[1]);
        }
      }
      for (DType dtype : List.of(DType.F32, DType.BF16, DType.F16)) {
        all.tables(view, dtype, s[0], s[1]);
      }
      all.rowMoves(view, s[0], s[1]);
    }
    for (int[] h : HEADS) {
      all.rope(View.WHOLE, h);
      all.rope(View.COLUMNS, h);
    }
    return all.cases;
  }

  private void add(
      String op, int m, int n, String options, java.util.function.Consumer<OpRun> body) {
    cases.add(
        new OpCase(
            op,
            "(%d, %d) %s".formatted(m, n, options),
            m * n > 0 && m * n < 600,
            m * n < 150,
            body));
  }

  private void rmsNorm(View view, boolean accumulate, int m, int n) {
    float offset = accumulate ? 1 : 0;
    add(
        "rmsNorm",
        m,
        n,
        view + " offset " + offset,
        run -> {
          Tensor x = run.matrix(view, m, n);
          Tensor w = run.vector(1, n);
          Tensor out = run.output(view, false, m, n);
          Tensor rstd = run.outputVector(false, m);
          run.backend().rmsNorm(x, w, offset, 1e-5f, out, rstd);
          run.result("out", out, 2);
          run.result("rstd", rstd, 1);
        });
    add(
        "rmsNormBackward",
        m,
        n,
        view + (accumulate ? " accumulate" : ""),
        run -> {
          Tensor dy = run.matrix(View.WHOLE, m, n);
          Tensor x = run.matrix(view, m, n);
          Tensor w = run.vector(1, n);
          Tensor rstd = run.scope().empty(DType.F32, m);
          Backend b = run.backend();
          b.rmsNorm(x, w, offset, 1e-3f, run.scope().empty(DType.F32, m, n), rstd);
          Tensor dx = run.output(view, accumulate, m, n);
          Tensor dw = run.outputVector(!accumulate, n);
          b.rmsNormBackward(dy, x, w, offset, rstd, dx, accumulate, dw, !accumulate);
          run.result("dx", dx, 8 * largest(rstd));
          run.result("dw", dw, 2 * Math.sqrt(m));
          Tensor alone = run.output(view, accumulate, m, n);
          b.rmsNormBackward(dy, x, w, offset, rstd, alone, accumulate, null, false);
          run.result("dx alone", alone, 8 * largest(rstd));
          Tensor weight = run.outputVector(accumulate, n);
          b.rmsNormBackward(dy, x, w, offset, rstd, null, false, weight, accumulate);
          run.result("dw alone", weight, 2 * Math.sqrt(m));
        });
  }

  private void layerNorm(View view, boolean bias, int m, int n) {
    add(
        "layerNorm",
        m,
        n,
        view + (bias ? " bias" : ""),
        run -> {
          Tensor x = run.matrix(view, m, n);
          Tensor w = run.vector(1, n);
          Tensor b = bias ? run.vector(1, n) : null;
          Tensor out = run.output(view, false, m, n);
          Tensor mean = run.outputVector(false, m);
          Tensor rstd = run.outputVector(false, m);
          run.backend().layerNorm(x, w, b, 1e-3f, out, mean, rstd);
          run.result("out", out, 4 * largest(rstd));
          run.result("mean", mean, 1);
          run.result("rstd", rstd, 4 * largest(rstd));
        });
    add(
        "layerNormBackward",
        m,
        n,
        view + (bias ? " accumulate" : ""),
        run -> {
          Tensor dy = run.matrix(View.WHOLE, m, n);
          Tensor x = run.matrix(view, m, n);
          Tensor w = run.vector(1, n);
          Tensor mean = run.scope().empty(DType.F32, m);
          Tensor rstd = run.scope().empty(DType.F32, m);
          Tensor y = run.scope().empty(DType.F32, m, n);
          Backend b = run.backend();
          b.layerNorm(x, w, null, 0.1f, y, mean, rstd);
          Tensor dx = run.output(view, bias, m, n);
          Tensor dw = run.outputVector(bias, n);
          Tensor db = run.outputVector(bias, n);
          b.layerNormBackward(dy, x, w, mean, rstd, dx, bias, dw, db, bias);
          double norm = 8 * largest(rstd);
          run.result("dx", dx, norm);
          run.result("dw", dw, norm * Math.sqrt(m));
          run.result("db", db, Math.sqrt(m));
          Tensor alone = run.output(view, bias, m, n);
          b.layerNormBackward(dy, x, w, mean, rstd, alone, bias, null, null, false);
          run.result("dx alone", alone, norm);
          Tensor biasAlone = run.outputVector(bias, n);
          b.layerNormBackward(dy, x, w, mean, rstd, null, false, null, biasAlone, bias);
          run.result("db alone", biasAlone, Math.sqrt(m));
        });
  }

  /** Rounding errors of what is normalised grow with 1 / standard deviation. */
  private static double largest(Tensor t) {
    double largest = 1;
    for (float v : t.toFloats()) {
      largest = Float.isFinite(v) ? Math.max(largest, Math.abs(v)) : largest;
    }
    return largest;
  }

  private void crossEntropy(View view, boolean gradient, int m, int n) {
    for (float softcap : new float[] {0, 8}) {
      add(
          "crossEntropy",
          m,
          n,
          view + " softcap " + softcap + (gradient ? " gradient" : ""),
          run -> {
            Tensor logits = run.matrix(view, DType.F32, 5, m, n);
            Tensor losses = run.outputVector(false, m);
            Tensor targets = run.ids(m, n);
            float scale = gradient ? 0.37f : 0;
            run.backend().crossEntropy(logits, targets, softcap, scale, losses);
            run.result("losses", losses, 10);
            run.result("logits", logits, gradient ? 4 : 0);
          });
    }
  }

  private void tables(View view, DType dtype, int m, int n) {
    add(
        "embedding",
        m,
        n,
        dtype + " " + view,
        run -> {
          Tensor table = run.matrix(view, dtype, 1, 11, n);
          Tensor out = run.output(view, false, m, n);
          run.backend().embedding(table, run.ids(m, 11), 1.5f, out);
          run.result("out", out, 1);
        });
  }

  private void rowMoves(View view, int m, int n) {
    add(
        "embeddingBackward",
        m,
        n,
        view.toString(),
        run -> {
          Tensor dtable = run.output(view, true, 11, n);
          Tensor dout = run.matrix(view, m, n);
          run.backend().embeddingBackward(dout, run.ids(m, 11), 1.5f, dtable);
          run.result("dtable", dtable, 2 * Math.sqrt(m));
        });
    add(
        "gatherRows, scatterAddRows",
        m,
        n,
        view.toString(),
        run -> {
          Tensor rows = run.distinct(m, 2 * m + 1);
          Tensor x = run.matrix(view, 2 * m + 1, n);
          Tensor out = run.output(view, false, m, n);
          run.backend().gatherRows(x, rows, out);
          run.result("out", out, 0);
          Tensor dx = run.output(view, true, 2 * m + 1, n);
          run.backend().scatterAddRows(out, rows, dx);
          run.result("dx", dx, 1);
        });
  }

  private void rope(View view, int[] h) {
    int m = h[0];
    int width = h[2];
    int n = h[1] * width;
    for (boolean inverse : new boolean[] {false, true}) {
      add(
          "rope",
          m,
          n,
          "%s heads of %d, rotated %d%s"
              .formatted(view, width, h[3], inverse ? " inverse accumulate" : ""),
          run -> {
            Tensor x = run.matrix(view, m, n);
            Tensor cos = run.matrix(View.WHOLE, 9, h[3] / 2);
            Tensor sin = run.matrix(View.WHOLE, 9, h[3] / 2);
            Tensor positions = run.ids(m, 9);
            Tensor out = run.output(view, inverse, m, n);
            run.backend().rope(x, positions, cos, sin, width, inverse, out, inverse);
            run.result("out", out, 2);
            run.backend().rope(x, positions, cos, sin, width, inverse, x, false);
            run.result("in place", x, 2);
          });
    }
  }
}
