// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.ArrayList;
import java.util.List;
import llmengine.engine.OpRun.View;
import llmengine.engine.op.Attention;
import llmengine.engine.op.BlockRotation;
import llmengine.engine.op.Columns;
import llmengine.engine.op.DoraLinear;
import llmengine.engine.op.Elementwise;
import llmengine.engine.op.Embedding;
import llmengine.engine.op.Gated;
import llmengine.engine.op.LayerNorm;
import llmengine.engine.op.Linear;
import llmengine.engine.op.LinearCrossEntropy;
import llmengine.engine.op.LoraLinear;
import llmengine.engine.op.RmsNorm;
import llmengine.engine.op.Rope;
import llmengine.engine.op.TokenLogProbs;

/**
 * A function of a few tensors whose gradient is tested.
 *
 * @param shapes of the inputs, all differentiated by
 * @param lossScale 0 if the function's output is weighted by random numbers to get a scalar; else
 *     the output is already a list of losses, summed and scaled by this
 */
record GradientCase(String name, int[][] shapes, float lossScale, Function function) {
  @FunctionalInterface
  interface Function {
    Tensor apply(Tape tape, Tensor[] x);
  }

  static List<GradientCase> all() {
    List<GradientCase> all = new ArrayList<>();
    linear(all);
    adapters(all);
    layers(all);
    attention(all);
    losses(all);
    views(all);
    return all;
  }

  /** The same functions as cases of the contract: output and gradients like the reference's. */
  static List<OpCase> asOpCases() {
    List<OpCase> cases = new ArrayList<>();
    for (GradientCase c : all()) {
      cases.add(new OpCase("gradient of", c.name, false, true, c::run));
    }
    return cases;
  }

  private void run(OpRun run) {
    Tensor[] x = new Tensor[shapes.length];
    for (int i = 0; i < x.length; i++) {
      Tensor flat = run.matrix(View.WHOLE, 1, Math.toIntExact(Shape.of(shapes[i]).size()));
      x[i] = run.scope().of(flat.toFloats(), shapes[i]).needsGrad(true);
    }
    Tape tape = Tape.training(run.scope());
    Tensor y = function.apply(tape, x);
    run.result("output", y, 4);
    if (lossScale == 0) {
      Tensor weights = run.matrix(View.WHOLE, 1, Math.toIntExact(y.size()));
      y.grad(run.scope().of(weights.toFloats(), y.shape().dims()));
    }
    tape.backward();
    for (int i = 0; i < x.length; i++) {
      run.result("gradient " + i, x[i].grad(), 8);
    }
  }

  private static int[] dims(int... dims) {
    return dims;
  }

  private static void add(List<GradientCase> all, String name, Function function, int[]... shapes) {
    all.add(new GradientCase(name, shapes, 0, function));
  }

  private static Tape dropping(Tape tape, int rows) {
    int[] keys = new int[rows];
    for (int i = 0; i < rows; i++) {
      keys[i] = 1000 * i + 7;
    }
    return tape.withDropout(0x5EEDL, tape.scope().of(keys));
  }

  private static void linear(List<GradientCase> all) {
    int[] x = dims(3, 5);
    int[] w = dims(4, 5);
    add(all, "linear", (t, in) -> Linear.apply(t, in[0], in[1], null), x, w);
    add(all, "linear with bias", (t, in) -> Linear.apply(t, in[0], in[1], in[2]), x, w, dims(4));
    int[] a = dims(2, 5);
    int[] b = dims(4, 2);
    add(
        all,
        "lora",
        (t, in) -> LoraLinear.apply(t, in[0], in[1], null, in[2], in[3], 0.7f, 0.4f),
        x,
        w,
        a,
        b);
    add(
        all,
        "lora with bias and dropout",
        (t, in) -> LoraLinear.apply(dropping(t, 3), in[0], in[1], in[4], in[2], in[3], 0.7f, 0.4f),
        x,
        w,
        a,
        b,
        dims(4));
  }

  private static void adapters(List<GradientCase> all) {
    int[] x = dims(3, 5);
    int[][] dora = {x, dims(2, 5), dims(4, 2), dims(4), dims(4)};
    for (boolean dropping : new boolean[] {false, true}) {
      add(
          all,
          dropping ? "dora with bias and dropout" : "dora with bias",
          (t, in) -> {
            float[] w = new float[20];
            for (int i = 0; i < w.length; i++) {
              w[i] = (float) Math.sin(i + 1);
            }
            return DoraLinear.apply(
                dropping ? dropping(t, 3) : t,
                in[0],
                t.scope().of(w, 4, 5),
                in[4],
                in[1],
                in[2],
                in[3],
                t.scope().of(new float[] {0.5f, 2, 1, 0}, 4), // a row of zeros among them
                0.7f,
                0.4f);
          },
          dora);
    }
    for (int terms : new int[] {0, 1, 2, 3, 4, 5, 7}) {
      add(
          all,
          terms == 0 ? "rotation, exact" : "rotation, " + terms + " terms",
          (t, in) -> BlockRotation.apply(t, in[0], Elementwise.scale(t, in[1], 0.2f), 3, terms, 0),
          dims(4, 6),
          dims(2, 3));
    }
    add(
        all,
        "rotation of some blocks",
        (t, in) ->
            BlockRotation.apply(
                dropping(t, 4), in[0], Elementwise.scale(t, in[1], 0.2f), 2, 5, 0.5f),
        dims(4, 8),
        dims(4, 1));
  }

  private static void layers(List<GradientCase> all) {
    int[] x = dims(3, 6);
    add(
        all,
        "rmsNorm with offset",
        (t, in) -> RmsNorm.apply(t, in[0], in[1], 1, 1e-3f),
        x,
        dims(6));
    add(all, "layerNorm", (t, in) -> LayerNorm.apply(t, in[0], in[1], null, 1e-3f), x, dims(6));
    add(
        all,
        "layerNorm with bias",
        (t, in) -> LayerNorm.apply(t, in[0], in[1], in[2], 1e-3f),
        x,
        dims(6),
        dims(6));
    add(
        all,
        "layerNorm of one weight and two biases",
        (t, in) ->
            LayerNorm.apply(t, LayerNorm.apply(t, in[0], in[1], in[2], 1e-3f), in[1], in[3], 1e-3f),
        x,
        dims(6),
        dims(6),
        dims(6));
    for (int rotated : new int[] {4, 2}) {
      add(
          all,
          "rope of " + rotated + " channels in 4",
          (t, in) -> {
            float[] cos = new float[5 * rotated / 2];
            float[] sin = new float[5 * rotated / 2];
            for (int i = 0; i < cos.length; i++) {
              cos[i] = (float) Math.cos(0.3 * i);
              sin[i] = (float) Math.sin(0.3 * i);
            }
            return Rope.apply(
                t,
                in[0],
                t.scope().of(4, 0, 3),
                t.scope().of(cos, 5, rotated / 2),
                t.scope().of(sin, 5, rotated / 2),
                4);
          },
          dims(3, 8));
    }
    add(
        all,
        "embedding",
        (t, in) -> Embedding.apply(t, in[0], t.scope().of(2, 0, 2, 4), 1.5f),
        dims(5, 3));
    for (Activation f : Activation.values()) {
      add(all, "activation " + f, (t, in) -> Elementwise.activation(t, f, in[0]), x);
      add(all, "gated " + f, (t, in) -> Gated.apply(t, f, in[0], in[1]), x, x);
    }
    add(all, "add", (t, in) -> Elementwise.add(t, in[0], in[1]), x, x);
    add(all, "add to itself", (t, in) -> Elementwise.add(t, in[0], in[0]), x);
    add(all, "scale", (t, in) -> Elementwise.scale(t, in[0], -0.3f), x);
    add(all, "dropout", (t, in) -> Elementwise.dropout(dropping(t, 3), in[0], 0.3f), x);
  }

  private static void attention(List<GradientCase> all) {
    attention(all, "attention", AttentionShape.causal(2, 2, 3), Segments.of(4));
    attention(all, "attention, shared heads", AttentionShape.causal(4, 2, 2), Segments.of(3, 1));
    attention(
        all, "attention, window", new AttentionShape(2, 1, 3, 0.5f, 2, 0), Segments.of(5, 0, 2));
    attention(
        all, "attention, softcap", new AttentionShape(2, 1, 3, 1, 0, 1.5f), Segments.of(2, 3));
    Segments cached =
        new Segments(new int[] {0, 2}, new int[] {2, 1}, new int[] {0, 4}, new int[] {4, 3});
    attention(all, "attention, more keys", new AttentionShape(2, 1, 3, 0.7f, 3, 4), cached);
    Segments pair = Segments.branching(new int[] {2, 1, 2}, new int[] {-1, 0, 0});
    attention(all, "attention, branches", AttentionShape.causal(4, 2, 2), pair);
  }

  private static void attention(
      List<GradientCase> all, String name, AttentionShape shape, Segments s) {
    int keys = 0;
    for (int i = 0; i < s.count(); i++) {
      keys += s.keyLength()[i] - s.prefixLength()[i];
    }
    add(
        all,
        name,
        (t, in) -> Attention.apply(t, in[0], in[1], in[2], s, shape),
        dims(s.queries(), shape.heads() * shape.headDim()),
        dims(keys, shape.kvHeads() * shape.headDim()),
        dims(keys, shape.kvHeads() * shape.headDim()));
  }

  private static void losses(List<GradientCase> all) {
    for (float softcap : new float[] {0, 2}) {
      for (boolean bias : new boolean[] {false, true}) {
        int[][] shapes = bias ? new int[][] {{5, 4}, {7, 4}, {7}} : new int[][] {{5, 4}, {7, 4}};
        all.add(
            new GradientCase(
                "cross-entropy softcap " + softcap + (bias ? " with bias" : ""),
                shapes,
                0.25f,
                (t, in) ->
                    LinearCrossEntropy.apply(
                        t,
                        in[0],
                        in[1],
                        bias ? in[2] : null,
                        new int[] {0, 2, 3},
                        new int[] {6, 0, 6},
                        softcap,
                        0.25f)));
        add(
            all,
            "log-probabilities softcap " + softcap + (bias ? " with bias" : ""),
            (t, in) ->
                TokenLogProbs.apply(
                    t,
                    in[0],
                    new TokenLogProbs.Head(in[1], bias ? in[2] : null, softcap),
                    new int[] {3, 0, 0, 2},
                    new int[] {6, 0, 6, 1},
                    null),
            shapes);
      }
    }
  }

  private static void views(List<GradientCase> all) {
    int[] w = dims(2, 3);
    add(
        all,
        "columns of one matrix",
        (t, in) ->
            Elementwise.add(
                t,
                Gated.apply(t, Activation.SILU, in[0].columns(0, 3), in[0].columns(2, 5)),
                in[0].columns(1, 4)),
        dims(4, 6));
    add(
        all,
        "rows of one matrix",
        (t, in) -> Linear.apply(t, in[0].rows(1, 3), in[1], null),
        dims(4, 3),
        w);
    add(
        all,
        "reshape",
        (t, in) -> Linear.apply(t, in[0].reshape(2, 3), in[1], null),
        dims(3, 2),
        w);
    add(
        all,
        "slices of the output of an op",
        (t, in) -> {
          Tensor fused = Linear.apply(t, in[0], in[1], null); // (3, 6)
          return Attention.apply(
              t,
              fused.columns(0, 2),
              fused.columns(2, 4),
              fused.columns(4, 6),
              Segments.of(3),
              AttentionShape.causal(1, 1, 2));
        },
        dims(3, 4),
        dims(6, 4));
    add(
        all,
        "columns side by side",
        (t, in) -> Columns.beside(t, List.of(in[0], in[1], in[0].columns(1, 2))),
        dims(3, 2),
        dims(3, 4));
    add(
        all,
        "checkpoint",
        (t, in) ->
            t.checkpoint(
                "block",
                in[0],
                0,
                (tape, x) ->
                    Elementwise.add(
                        tape,
                        x,
                        Elementwise.activation(
                            tape, Activation.GELU, Linear.apply(tape, x, in[1], null)))),
        dims(4, 3),
        dims(3, 3));
  }
}
