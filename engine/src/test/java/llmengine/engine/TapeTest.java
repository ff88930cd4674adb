// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.op.Elementwise;
import llmengine.engine.op.Linear;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TapeTest {
  private final ScalarBackend backend = new ScalarBackend();
  private final Scope run = new Scope(backend, "run");
  private final SplittableRandom random = new SplittableRandom(3);

  @AfterEach
  void close() {
    run.close();
    assertThat(backend.memory().used()).isZero();
  }

  private Tensor normal(int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return run.of(values, rows, cols);
  }

  @Test
  void contributionsOfSeveralUsesAdd() {
    Tensor x = run.of(new float[] {1, 2}, 1, 2).needsGrad(true);
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step);
      Tensor twice = Elementwise.add(tape, x, x);
      Tensor y = Elementwise.add(tape, Elementwise.scale(tape, twice, 3), x);
      y.grad(step.of(new float[] {1, 10}, 1, 2));
      tape.backward();
    }
    assertThat(x.grad().toFloats()).containsExactly(7, 70);
  }

  @Test
  void gradientsOfParametersRemainAndAccumulateOverMicroBatches() {
    Tensor w = normal(3, 2).needsGrad(true);
    Tensor x = normal(8, 2);
    float[] whole = gradient(w, x);
    w.grad(null);
    gradient(w, x.rows(0, 3));
    float[] parts = gradient(w, x.rows(3, 8));
    for (int i = 0; i < whole.length; i++) {
      assertThat(parts[i]).isCloseTo(whole[i], org.assertj.core.api.Assertions.within(1e-5f));
    }
    assertThat(run.owns(w.grad())).as("made where the parameter lives").isTrue();
  }

  private float[] gradient(Tensor w, Tensor x) {
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step);
      Tensor y = Linear.apply(tape, x, w, null);
      y.grad(step.zeros(DType.F32, x.rows(), 3));
      backend.fill(y.grad(), 1);
      tape.backward();
      return w.grad().toFloats();
    }
  }

  @Test
  void viewsSendTheirGradientToTheirPlaceInTheBase() {
    Tensor x = run.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3).needsGrad(true);
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step);
      Tensor y = Elementwise.scale(tape, x.columns(1, 3).rows(1, 2), 2);
      Tensor z = Elementwise.scale(tape, x.columns(0, 2), 10);
      y.grad(step.of(new float[] {1, 2}, 1, 2));
      z.grad(step.of(new float[] {1, 2, 3, 4}, 2, 2));
      tape.backward();
    }
    assertThat(x.grad().toFloats()).containsExactly(10, 20, 0, 30, 42, 4);
  }

  @Test
  void intermediateGradientsAreGivenBackDuringTheBackwardPass() {
    Tensor w = normal(64, 64).needsGrad(true);
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step);
      Tensor x = normal(64, 64);
      for (int i = 0; i < 6; i++) {
        x = Linear.apply(tape, x, w, null);
      }
      long forward = backend.memory().used();
      x.grad(step.zeros(DType.F32, 64, 64));
      tape.backward();
      // the gradient of w and nothing else: the gradients of the six outputs are free again
      assertThat(backend.memory().used()).isEqualTo(forward + 64 * 64 * 4);
    }
  }

  @Test
  void nothingIsRecordedWithoutNeed() {
    Tensor w = normal(2, 2);
    Tensor trained = normal(2, 2).needsGrad(true);
    try (Scope step = new Scope(backend, "step")) {
      Tensor y = Linear.apply(Tape.training(step), normal(3, 2), w, null);
      assertThat(y.needsGrad()).isFalse();
      Tape inference = Tape.inference(step);
      Tensor z = Linear.apply(inference, normal(3, 2), trained, null);
      z.grad(step.zeros(DType.F32, 3, 2));
      inference.backward();
      assertThat(trained.grad()).isNull();
      assertThat(inference.isRecording()).isFalse();
    }
  }

  private static final long NO_BLOCKS = -1;

  /**
   * @param keep bytes that checkpointed blocks may keep, or NO_BLOCKS
   */
  private Tensor blocks(Tape tape, Tensor x, Tensor[] w, long keep) {
    for (int i = 0; i < w.length; i++) {
      Tensor weight = w[i];
      tape.enter("layer" + i);
      x =
          keep != NO_BLOCKS
              ? tape.checkpoint("block", x, keep, (t, in) -> block(t, in, weight))
              : block(tape, x, weight);
      tape.exit();
    }
    return x;
  }

  private static Tensor block(Tape tape, Tensor x, Tensor w) {
    Tensor h = Linear.apply(tape, x, w, null);
    h = Elementwise.dropout(tape, Elementwise.activation(tape, Activation.GELU, h), 0.25f);
    return Elementwise.add(tape, x, h);
  }

  @Test
  void checkpointGivesTheSameBitsInLessMemory() {
    Tensor[] w = new Tensor[8];
    for (int i = 0; i < w.length; i++) {
      w[i] = normal(16, 16).needsGrad(true);
    }
    Tensor x = normal(128, 16).needsGrad(true);
    // a block keeps four results of (128, 16)
    long[] keeps = {NO_BLOCKS, 0, 3 * 4 * 128 * 16 * 4, Long.MAX_VALUE};
    float[][][] gradients = new float[keeps.length][][];
    long[] peaks = new long[keeps.length];
    for (int checkpointed = 0; checkpointed < keeps.length; checkpointed++) {
      long before = backend.memory().used();
      try (Scope step = new Scope(backend, "step")) {
        int[] keys = new int[128];
        java.util.Arrays.setAll(keys, i -> i);
        Tape tape = Tape.training(step).withDropout(99, step.of(keys));
        Tensor y = blocks(tape, x, w, keeps[checkpointed]);
        peaks[checkpointed] = backend.memory().used() - before;
        y.grad(step.zeros(DType.F32, 128, 16));
        backend.fill(y.grad(), 1);
        tape.backward();
      }
      gradients[checkpointed] = new float[w.length + 1][];
      for (int i = 0; i < w.length; i++) {
        gradients[checkpointed][i] = w[i].grad().toFloats();
        run.release(w[i].grad());
        w[i].grad(null);
      }
      gradients[checkpointed][w.length] = x.grad().toFloats();
      run.release(x.grad());
      x.grad(null);
    }
    for (int i = 1; i < keeps.length; i++) {
      assertThat(gradients[i]).isDeepEqualTo(gradients[0]);
    }
    assertThat(peaks[1]).isLessThan(peaks[0] / 3);
    assertThat(peaks[2]).isGreaterThan(peaks[1]).isLessThanOrEqualTo(peaks[1] + keeps[2]);
    assertThat(peaks[3]).isEqualTo(peaks[0]);
  }

  @Test
  void masksDifferFromLayerToLayerAndFollowTheKey() {
    try (Scope step = new Scope(backend, "step")) {
      Tensor x = step.zeros(DType.F32, 4, 64);
      backend.fill(x, 1);
      Tensor keys = step.of(1, 2, 3, 4);
      float[] first = mask(Tape.training(step).withDropout(5, keys), "a", x);
      assertThat(mask(Tape.inference(step).withDropout(5, keys), "a", x)).isEqualTo(first);
      assertThat(mask(Tape.training(step).withDropout(5, keys), "b", x)).isNotEqualTo(first);
      assertThat(mask(Tape.training(step).withDropout(6, keys), "a", x)).isNotEqualTo(first);
      assertThat(Elementwise.dropout(Tape.training(step), x, 0.5f)).isSameAs(x);
    }
  }

  private static float[] mask(Tape tape, String layer, Tensor x) {
    tape.enter(layer);
    float[] y = Elementwise.dropout(tape, x, 0.5f).toFloats();
    tape.exit();
    return y;
  }

  @Test
  void checksNameLayerOpAndRow() {
    Tensor x = normal(3, 2);
    x.rows(2, 3).set(Float.NaN, 0);
    Tensor w = normal(4, 2).needsGrad(true);
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step).withChecks();
      tape.enter("layers.3");
      tape.enter("mlp");
      assertThatThrownBy(() -> Linear.apply(tape, x, w, null))
          .isInstanceOf(NonFiniteException.class)
          .hasMessage(
              "layers.3.mlp.linear: expected finite values, got NaN or infinity in row 2 of "
                  + "F32(3, 4).");
      Tensor y = Linear.apply(tape, x.rows(0, 2), w, null);
      y.grad(step.of(new float[] {0, 0, 0, 0, 0, 0, Float.POSITIVE_INFINITY, 0}, 2, 4));
      assertThatThrownBy(tape::backward)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith("layers.3.mlp.linear (gradient): expected finite values")
          .hasMessageContaining("row 1");
    }
  }

  @Test
  void checksReachIntoCheckpoints() {
    Tensor w = normal(2, 2).needsGrad(true);
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step).withChecks();
      tape.enter("layers.0");
      Tensor x = normal(1, 2).set(Float.NEGATIVE_INFINITY, 1);
      assertThatThrownBy(
              () -> tape.checkpoint("block", x, 0, (t, in) -> Linear.apply(t, in, w, null)))
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith("layers.0.linear: ");
    }
  }

  @Test
  void whatBlocksKeptGoesWithThePass() {
    Tensor w = normal(16, 16).needsGrad(true);
    long before = backend.memory().used();
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step).withDropout(1, step.of(1, 2, 3));
      blocks(tape, normal(3, 16), new Tensor[] {w, w}, Long.MAX_VALUE); // and never goes back
      assertThat(backend.memory().used()).isGreaterThan(before);
    }
    assertThat(backend.memory().used()).isEqualTo(before + 3 * 16 * 4); // x, in the test's scope
  }

  @Test
  void aListenerIsToldOfEveryOpInItsOrder() {
    List<String> told = new ArrayList<>();
    OpListener listener =
        new OpListener() {
          @Override
          public void passBegins() {
            told.add("pass");
          }

          @Override
          public void forward(String where, boolean again) {
            told.add((again ? "again " : "forward ") + where);
          }

          @Override
          public void backward(String where) {
            told.add("backward " + where);
          }
        };
    Tensor x = normal(3, 4);
    Tensor w = normal(4, 4).needsGrad(true);
    AtomicLong keep = new AtomicLong();
    Runnable pass =
        () -> {
          try (Scope step = new Scope(backend, "step")) {
            Tape tape = Tape.training(step);
            tape.enter("layers.0");
            Tensor y =
                tape.checkpoint(
                    "block",
                    x,
                    keep.get(),
                    (t, in) -> Elementwise.add(t, in, Linear.apply(t, in, w, null)));
            tape.exit();
            Tensor z = Elementwise.add(tape, y, y);
            z.grad(step.zeros(DType.F32, 3, 4));
            tape.backward();
          }
        };
    Tape.listen(listener, pass);
    assertThat(told)
        .containsExactly(
            "pass",
            "forward layers.0.linear",
            "forward layers.0.add",
            "forward add",
            "pass",
            "backward add",
            "again layers.0.linear",
            "again layers.0.add",
            "backward layers.0.add",
            "backward layers.0.linear",
            "backward layers.0.block");
    told.clear();
    keep.set(Long.MAX_VALUE);
    Tape.listen(listener, pass);
    assertThat(told)
        .containsExactly(
            "pass",
            "forward layers.0.linear",
            "forward layers.0.add",
            "forward add",
            "pass",
            "backward add",
            "backward layers.0.add",
            "backward layers.0.linear",
            "backward layers.0.block");
    told.clear();
    pass.run();
    assertThat(told).isEmpty();
  }

  @Test
  void opsRefuseOperandsThatDoNotFit() {
    Tensor x = normal(3, 5);
    Tensor w = normal(4, 6);
    Tape tape = Tape.inference(run);
    assertThatThrownBy(() -> Linear.apply(tape, x, w, null))
        .isInstanceOf(ShapeException.class)
        .hasMessage("linear: columns of the input for weight F32(4, 6): expected 6, got 5.");
    assertThatThrownBy(() -> Linear.apply(tape, x, x, run.zeros(DType.F32, 7)))
        .isInstanceOf(ShapeException.class)
        .hasMessage("linear: bias: expected a vector of 3, got F32(7).");
    assertThatThrownBy(() -> Elementwise.add(tape, x, w))
        .isInstanceOf(ShapeException.class)
        .hasMessage("add: shapes differ: expected equal shapes, got F32(3, 5) and F32(4, 6).");
  }

  /** y = (x w^T + x) w^T: w is used twice, by a checkpointed block or two. */
  private Tensor twice(Tape tape, Tensor x, Tensor w, long keep) {
    boolean blocks = keep != NO_BLOCKS;
    Tensor half =
        blocks
            ? tape.checkpoint("first", x, keep, (t, in) -> Linear.apply(t, in, w.rows(0, 3), null))
            : Linear.apply(tape, x, w.rows(0, 3), null);
    Tensor sum = Elementwise.add(tape, half, x);
    return blocks
        ? tape.checkpoint("second", sum, keep, (t, in) -> Linear.apply(t, in, w, null))
        : Linear.apply(tape, sum, w, null);
  }

  @Test
  void aLeafIsAnnouncedOnceWhenItsGradientIsWhole() {
    for (long keep : new long[] {NO_BLOCKS, 0, Long.MAX_VALUE}) {
      Tensor w = normal(4, 3).needsGrad(true);
      Tensor other = normal(4, 4).needsGrad(true);
      Tensor x = normal(5, 3);
      List<String> order = new ArrayList<>();
      List<float[]> announced = new ArrayList<>();
      w.whenGradientComplete(
          t -> {
            order.add("w");
            announced.add(t.grad().toFloats());
          });
      other.whenGradientComplete(t -> order.add("other"));
      try (Scope step = new Scope(backend, "step")) {
        Tape tape = Tape.training(step);
        Tensor y = Linear.apply(tape, twice(tape, x, w, keep), other, null);
        y.grad(step.zeros(DType.F32, 5, 4));
        backend.fill(y.grad(), 1);
        tape.backward();
      }
      assertThat(order).as("from the output on").containsExactly("other", "w");
      assertThat(announced.getFirst()).containsExactly(w.grad().toFloats());
    }
  }

  @Test
  void leavesUpdatedWhenAnnouncedDontChangeTheGradientsThatFollow() {
    Tensor w = normal(4, 3).needsGrad(true);
    Tensor first = normal(3, 3).needsGrad(true);
    Tensor x = normal(5, 3);
    float[][] expected = gradients(w, first, x, 0, false);
    float[] wValues = w.toFloats();
    float[] firstValues = first.toFloats();
    for (long keep : new long[] {0, Long.MAX_VALUE}) {
      w.set(wValues);
      first.set(firstValues);
      float[][] found = gradients(w, first, x, keep, true);
      assertThat(found[0]).containsExactly(expected[0]);
      assertThat(found[1]).containsExactly(expected[1]);
    }
  }

  private float[][] gradients(Tensor w, Tensor first, Tensor x, long keep, boolean destroys) {
    float[][] found = new float[2][];
    w.whenGradientComplete(t -> found[0] = taken(t, destroys));
    first.whenGradientComplete(t -> found[1] = taken(t, destroys));
    try (Scope step = new Scope(backend, "step")) {
      Tape tape = Tape.training(step);
      Tensor in =
          tape.checkpoint(
              "block",
              x,
              keep,
              (t, input) ->
                  Linear.apply(t, Linear.apply(t, input, first, null), w.rows(0, 3), null));
      Tensor y = Linear.apply(tape, in, w, null);
      y.grad(step.zeros(DType.F32, 5, 4));
      backend.fill(y.grad(), 1);
      tape.backward();
    }
    return found;
  }

  private float[] taken(Tensor leaf, boolean destroys) {
    float[] gradient = leaf.grad().toFloats();
    run.release(leaf.grad());
    leaf.grad(null);
    if (destroys) {
      backend.fill(leaf, Float.NaN);
    }
    return gradient;
  }
}
