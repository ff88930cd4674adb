// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.OpRun.View;

/** Attention over sequences of many lengths, with shared heads, windows, caps and caches. */
final class AttentionCases {
  private final List<OpCase> cases = new ArrayList<>();

  private AttentionCases() {}

  static List<OpCase> all() {
    AttentionCases all = new AttentionCases();
    all.add(1, 1, 1, 0, 0, Segments.of(1));
    all.add(2, 1, 5, 0, 0, Segments.of(2, 3));
    all.add(4, 2, 8, 0, 0, Segments.of(5, 0, 7, 1));
    all.add(3, 3, 16, 0, 0, Segments.of(13, 16));
    all.add(4, 1, 64, 0, 0, Segments.of(31, 2));
    all.add(2, 2, 20, 0, 0, Segments.of(33));
    all.add(2, 1, 80, 0, 0, Segments.of(64, 8));
    all.add(6, 2, 16, 0, 0, Segments.of(100));
    all.add(1, 1, 128, 0, 0, Segments.of(127));
    all.add(2, 1, 33, 0, 0, Segments.of(128));
    all.add(1, 1, 7, 0, 0, Segments.of(257));
    all.add(1, 1, 256, 0, 0, Segments.of(17));
    all.add(2, 1, 8, 4, 0, Segments.of(13, 3));
    all.add(2, 2, 16, 33, 0, Segments.of(100, 31));
    all.add(2, 1, 16, 1, 0, Segments.of(7, 5));
    all.add(4, 2, 8, 0, 5, Segments.of(8, 9));
    all.add(2, 1, 32, 50, 20, Segments.of(127, 1));
    all.add(2, 1, 8, 0, 0, longer(new int[] {1}, new int[] {7}));
    all.add(4, 2, 16, 0, 0, longer(new int[] {3, 1, 5}, new int[] {9, 33, 5}));
    all.add(2, 1, 64, 16, 3, longer(new int[] {16, 2}, new int[] {100, 70}));
    all.add(1, 1, 8, 0, 0, longer(new int[] {1, 1, 1}, new int[] {1, 257, 64}));
    all.add(2, 1, 8, 0, 0, Segments.of());
    all.add(2, 1, 5, 0, 0, branching(new int[] {3, 2, 4}, -1, 0, 0));
    all.add(4, 2, 8, 0, 0, branching(new int[] {5, 0, 3, 2, 7, 1}, -1, 0, 0, -1, -1, 4));
    all.add(2, 1, 16, 0, 0, branching(new int[] {100, 31, 64, 13}, -1, 0, 0, -1));
    all.add(2, 2, 33, 0, 0, branching(new int[] {130, 20, 140}, -1, 0, 0));
    all.add(2, 1, 16, 40, 7, branching(new int[] {33, 20, 100}, -1, 0, 0));
    all.add(2, 1, 8, 3, 0, branching(new int[] {0, 4, 3}, -1, 0, 0));
    return all.cases;
  }

  private static Segments branching(int[] lengths, int... parents) {
    return Segments.branching(lengths, parents);
  }

  private static Segments longer(int[] queries, int[] keys) {
    Segments q = Segments.of(queries);
    Segments k = Segments.of(keys);
    return new Segments(q.queryStart(), queries, k.keyStart(), keys);
  }

  private void add(int heads, int kvHeads, int d, int window, float softcap, Segments s) {
    String detail =
        "H %d Hkv %d D %d window %d softcap %s queries %s keys %s prefixes %s"
            .formatted(
                heads,
                kvHeads,
                d,
                window,
                softcap,
                Arrays.toString(s.queryLength()),
                Arrays.toString(s.keyLength()),
                Arrays.toString(s.prefixLength()));
    int nq = s.queries();
    int nk = Arrays.stream(s.keyLength()).sum() - Arrays.stream(s.prefixLength()).sum();
    boolean poisoned = nq * nk * d * heads < 6000 && nq > 0;
    AttentionShape shape =
        new AttentionShape(heads, kvHeads, d, (float) (1 / Math.sqrt(d)), window, softcap);
    for (View view : View.values()) {
      boolean accumulate = view == View.COLUMNS;
      cases.add(
          new OpCase(
              "attention",
              view + " " + detail,
              poisoned,
              nq * nk * d * heads < 2000,
              run -> {
                Tensor q = run.matrix(view, nq, heads * d);
                Tensor k = run.matrix(view, nk, kvHeads * d);
                Tensor v = run.matrix(view, nk, kvHeads * d);
                Tensor out = run.output(view, false, nq, heads * d);
                Tensor lse = run.output(View.WHOLE, false, nq, heads);
                run.backend().attention(q, k, v, s, shape, out, lse);
                run.spreading("out", out, 2);
                run.spreading("lse", lse, 4);
                backward(run, view, accumulate, q, k, v, out, lse, s, shape);
              }));
    }
  }

  private static void backward(
      OpRun run,
      View view,
      boolean accumulate,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor lse,
      Segments s,
      AttentionShape shape) {
    Backend b = run.backend();
    boolean acc = accumulate;
    Tensor dout = run.matrix(view, out.rows(), out.cols());
    Tensor dq = run.output(view, acc, q.rows(), q.cols());
    Tensor dk = run.output(view, !acc, k.rows(), k.cols());
    Tensor dv = run.output(view, acc, v.rows(), v.cols());
    b.attentionBackward(dout, q, k, v, out, lse, s, shape, dq, acc, dk, !acc, dv, acc);
    double norm = 4 * Math.sqrt(1.0 * shape.heads() / shape.kvHeads());
    run.spreading("dq", dq, norm);
    run.spreading("dk", dk, norm);
    run.spreading("dv", dv, norm);
    Tensor only = run.output(view, acc, q.rows(), q.cols());
    b.attentionBackward(dout, q, k, v, out, lse, s, shape, only, acc, null, false, null, false);
    run.spreading("dq alone", only, norm);
    Tensor values = run.output(view, acc, v.rows(), v.cols());
    b.attentionBackward(dout, q, k, v, out, lse, s, shape, null, false, null, false, values, acc);
    run.spreading("dv alone", values, norm);
  }
}
