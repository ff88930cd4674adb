package llmengine.nn.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;
import llmengine.nn.optim.RatioOptimizer.Mask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RatioOptimizerTest {
  private static final String UP = "model.layers.0.mlp.up_proj.weight";
  private final Backend backend = TestBackends.create();

  private static Parameter parameter(Scope scope, String name, int... shape) {
    float[] values = new float[Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(0.1 * i + name.length());
    }
    return new Parameter(name, scope.of(values, shape).needsGrad(true));
  }

  private static List<Parameter> problem(Scope scope) {
    return List.of(
        parameter(scope, "model.embed_tokens.weight", 8, 16),
        parameter(scope, UP, 12, 11),
        parameter(scope, "model.layers.1.mlp.up_proj.weight", 12, 11),
        parameter(scope, "model.layers.0.norm.weight", 130),
        parameter(scope, "lm_head.weight", 8, 16));
  }

  private static RatioOptimizer optimizer(
      Scope scope, List<Parameter> parameters, double ratio, Mask mask) {
    return new RatioOptimizer(
        scope, List.of(new ParameterGroup(parameters, 1, 0)), ratio, mask, 5, 0.9, 0.999, 1e-8);
  }

  /** A backward pass that gives each trained parameter its gradient, times {@code factor}. */
  private void backward(List<Parameter> parameters, int step, float factor) {
    try (Scope scope = new Scope(backend, "pass")) {
      Tape tape = Tape.training(scope);
      Tensor out = scope.of(new float[] {0}, 1, 1);
      for (Parameter p : parameters) {
        if (!p.isTrainable()) {
          continue;
        }
        float[] gradient = new float[(int) p.size()];
        for (int i = 0; i < gradient.length; i++) {
          gradient[i] = factor * (float) Math.cos(0.7 * i + step + p.name().length());
        }
        out = scope.of(new float[] {0}, 1, 1);
        tape.record(
            "test",
            out,
            dout -> {
              Tensor to = tape.target(p.value()).tensor();
              to.set(gradient);
            },
            p.value());
        out.grad(scope.of(new float[] {1}, 1, 1));
      }
      tape.backward();
    }
  }

  private void advance(List<Parameter> parameters, RatioOptimizer optimizer, int step) {
    optimizer.begin(0.01);
    backward(parameters, step, 1);
    optimizer.step(0.01, 1);
    optimizer.release();
  }

  @Test
  void endsWhereTheBadamPackageEnds() throws IOException {
    JsonNode golden =
        new ObjectMapper()
            .readTree(RatioOptimizerTest.class.getResourceAsStream("badam_ratio.json"));
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> parameters = problem(scope);
      RatioOptimizer optimizer = optimizer(scope, parameters, 0.3, Mask.ADJACENT);
      for (int step = 0; step < 412; step++) {
        advance(parameters, optimizer, step);
      }
      for (Parameter p : parameters) {
        float[] values = p.value().toFloats();
        int i = 0;
        for (JsonNode expected : golden.path("final").path(p.name())) {
          assertThat(values[i])
              .as(p.name() + " " + i)
              .isCloseTo((float) expected.asDouble(), within(2e-6f));
          i += 5;
        }
      }
      assertThat(golden.path("final").path(UP).size()).isEqualTo(27);
    }
  }

  @ParameterizedTest
  @EnumSource(Mask.class)
  void aTurnTouchesItsShareAndAllTurnsTouchEverything(Mask mask) {
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> parameters = problem(scope);
      RatioOptimizer optimizer = optimizer(scope, parameters, 0.3, mask);
      Tensor weight = parameters.get(1).value();
      float[] start = weight.toFloats();
      boolean[] touched = new boolean[start.length];
      int step = 0;
      for (int turn = 0; turn < 4; turn++) {
        float[] before = weight.toFloats();
        for (int i = 0; i < RatioOptimizer.PERIOD; i++) {
          advance(parameters, optimizer, step++);
        }
        float[] after = weight.toFloats();
        int changed = 0;
        for (int i = 0; i < after.length; i++) {
          changed += after[i] == before[i] ? 0 : 1;
          touched[i] |= after[i] != before[i];
        }
        assertThat(changed).isEqualTo(39);
      }
      assertThat(touched).doesNotContain(false);
      for (int frozen : new int[] {0, 4}) {
        assertThat(parameters.get(frozen).isTrainable()).isFalse();
      }
    }
  }

  @Test
  void moreThanABatchAddsUp() {
    try (Scope scope = new Scope(backend, "test")) {
      for (Mask mask : Mask.values()) {
        List<Parameter> one = problem(scope);
        List<Parameter> two = problem(scope);
        RatioOptimizer whole = optimizer(scope, one, 0.4, mask);
        RatioOptimizer parts = optimizer(scope, two, 0.4, mask);
        for (int step = 0; step < 3; step++) {
          backward(one, step, 1);
          backward(two, step, 0.25f);
          backward(two, step, 0.75f);
          assertThat(parts.gradientNorm()).isCloseTo(whole.gradientNorm(), within(1e-5));
          whole.step(0.01, 1);
          parts.step(0.01, 1);
          whole.release();
          parts.release();
          assertThat(whole.gradientNorm()).isZero();
        }
        float[] a = one.get(1).value().toFloats();
        float[] b = two.get(1).value().toFloats();
        for (int i = 0; i < a.length; i++) {
          assertThat(b[i]).isCloseTo(a[i], within(1e-6f));
        }
      }
    }
  }

  @Test
  void everyEntryChosenIsTheSameWhateverTheMask() {
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> one = problem(scope);
      List<Parameter> two = problem(scope);
      RatioOptimizer adjacent = optimizer(scope, one, 1, Mask.ADJACENT);
      RatioOptimizer scattered = optimizer(scope, two, 1, Mask.SCATTER);
      for (int step = 0; step < 103; step++) {
        advance(one, adjacent, step);
        advance(two, scattered, step);
      }
      for (int i = 0; i < one.size(); i++) {
        assertThat(two.get(i).value().toFloats()).containsExactly(one.get(i).value().toFloats());
      }
    }
  }

  @Test
  void gradientsTakeTheirShareOnly() {
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> parameters = problem(scope);
      optimizer(scope, parameters, 0.1, Mask.ADJACENT);
      backward(parameters, 0, 1);
      assertThat(parameters.stream().map(p -> p.value().grad())).containsOnlyNulls();
    }
  }

  @ParameterizedTest
  @EnumSource(Mask.class)
  void resumedRunEqualsTheUnbrokenOne(Mask mask, @TempDir Path dir) {
    try (Scope scope = new Scope(backend, "test")) {
      for (int stop : new int[] {1, 99, 100, 101, 137}) {
        List<Parameter> whole = problem(scope);
        List<Parameter> broken = problem(scope);
        RatioOptimizer unbroken = optimizer(scope, whole, 0.3, mask);
        RatioOptimizer resumed = optimizer(scope, broken, 0.3, mask);
        for (int step = 0; step < 210; step++) {
          if (step == stop) {
            Path file = dir.resolve("optimizer.safetensors");
            resumed.save(file);
            resumed = optimizer(scope, broken, 0.3, mask);
            resumed.restore(file);
          }
          advance(whole, unbroken, step);
          advance(broken, resumed, step);
        }
        for (int i = 0; i < whole.size(); i++) {
          assertThat(broken.get(i).value().toFloats())
              .containsExactly(whole.get(i).value().toFloats());
        }
      }
    }
  }

  @Test
  void stateOfAnotherOptimizerIsRefused(@TempDir Path dir) {
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> parameters = problem(scope);
      Path file = dir.resolve("optimizer.safetensors");
      new AdamW(scope, List.of(new ParameterGroup(parameters, 1, 0)), 0.9, 0.999, 1e-8).save(file);
      RatioOptimizer optimizer = optimizer(scope, parameters, 0.3, Mask.ADJACENT);
      assertThatThrownBy(() -> optimizer.restore(file))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("global_step");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 16, 17, 100, 1000, 4097})
  void aShuffleIsAPermutation(long size) {
    for (long seed = 0; seed < 3; seed++) {
      Shuffle shuffle = new Shuffle(size, seed);
      long[] all = LongStream.range(0, size).map(shuffle::at).sorted().toArray();
      assertThat(all).containsExactly(LongStream.range(0, size).toArray());
      if (size >= 100) {
        List<Long> first = new ArrayList<>();
        LongStream.range(0, size).map(shuffle::at).forEach(first::add);
        assertThat(first).isNotEqualTo(LongStream.range(0, size).boxed().toList());
      }
    }
  }

  @Test
  void smallWeightsAreTrainedWhole() {
    assertThat(RatioOptimizer.chosen(99, 0.05)).isEqualTo(99);
    assertThat(RatioOptimizer.chosen(100, 0.05)).isEqualTo(5);
    try (Scope scope = new Scope(backend, "test")) {
      Parameter tiny = parameter(scope, "model.layers.0.norm.weight", 3);
      RatioOptimizer optimizer = optimizer(scope, List.of(tiny), 0.05, Mask.SCATTER);
      float[] before = tiny.value().toFloats();
      advance(List.of(tiny), optimizer, 0);
      float[] after = tiny.value().toFloats();
      assertThat(tiny.value().dtype()).isEqualTo(DType.F32);
      for (int i = 0; i < 3; i++) {
        assertThat(after[i]).isNotEqualTo(before[i]);
      }
    }
  }
}
