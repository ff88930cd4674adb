package llmengine.nn.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.nn.Parameter;
import llmengine.nn.Shared;
import llmengine.nn.optim.BlockOptimizer.Order;
import llmengine.nn.optim.BlockOptimizer.Turns;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlockOptimizerTest {
  private final Backend backend = TestBackends.create();

  @ParameterizedTest
  @ValueSource(strings = {"ascending", "descending", "fixed_start_1", "ascending_start_2"})
  void endsWhereTheRecordedRunEnds(String run) throws IOException {
    Path dir = Shared.path("golden/open/D_optim/badam_blocks");
    JsonNode golden = Shared.json(dir.resolve("case.json"));
    JsonNode settings = golden.path("runs").path(run);
    try (Scope scope = new Scope(backend, "test");
        SafetensorsFile file = SafetensorsFile.open(dir.resolve("golden.safetensors"))) {
      List<Parameter> parameters = new ArrayList<>();
      for (String key : file.tensors().keySet()) {
        if (key.startsWith("init_")) {
          parameters.add(new Parameter(key.substring(5), load(scope, file, key).needsGrad(true)));
        }
      }
      Turns turns =
          new Turns(
              Order.valueOf(settings.path("switch_mode").asText().toUpperCase(Locale.ROOT)),
              golden.path("switch_every").asInt(),
              settings.path("start_block").isNull()
                  ? Optional.empty()
                  : Optional.of(settings.path("start_block").asInt()),
              0);
      BlockOptimizer optimizer =
          new BlockOptimizer(
              backend, List.of(new ParameterGroup(parameters, 1, 0.01)), turns, 0.9, 0.999, 1e-8);
      List<Integer> active = new ArrayList<>();
      for (int step = 0; step < settings.path("active_block_per_step").size(); step++) {
        active.add(optimizer.active());
        for (Parameter p : parameters) {
          if (p.isTrainable()) {
            float[] all = load(scope, file, "grad_" + p.name()).toFloats();
            int size = (int) p.size();
            float[] gradient = Arrays.copyOfRange(all, step * size, (step + 1) * size);
            p.value().grad(scope.of(gradient, p.value().shape().dims()));
          }
        }
        optimizer.step(golden.path("lr").asDouble(), 1);
        Gradients.release(optimizer.parameters());
      }
      List<Integer> expected = new ArrayList<>();
      settings.path("active_block_per_step").forEach(b -> expected.add(b.asInt()));
      assertThat(active).isEqualTo(expected);
      for (Parameter p : parameters) {
        float[] end = load(scope, file, "final_" + run + "_" + p.name()).toFloats();
        float[] values = p.value().toFloats();
        for (int i = 0; i < end.length; i++) {
          assertThat(values[i]).as(p.name()).isCloseTo(end[i], within(1e-5f));
        }
      }
    }
  }

  @Test
  void randomOrderTakesEveryBlockOnceARound() {
    Turns turns = new Turns(Order.RANDOM, 2, Optional.empty(), 5);
    for (int round = 0; round < 4; round++) {
      Set<Integer> seen = new HashSet<>();
      for (int turn = 0; turn < 7; turn++) {
        int step = 2 * (7 * round + turn);
        seen.add(turns.block(step, 7));
      }
      assertThat(seen).hasSize(7);
    }
  }

  @ParameterizedTest
  @EnumSource(Order.class)
  void resumedRunEqualsTheUnbrokenOne(Order order, @TempDir Path dir) {
    Turns turns = new Turns(order, 3, Optional.of(1), 9);
    try (Scope scope = new Scope(backend, "test")) {
      for (int stop = 1; stop < 9; stop++) {
        List<Parameter> whole = problem(scope);
        List<Parameter> broken = problem(scope);
        BlockOptimizer unbroken = optimizer(whole, turns);
        BlockOptimizer resumed = optimizer(broken, turns);
        for (int step = 0; step < 11; step++) {
          if (step == stop) {
            Path file = dir.resolve("optimizer-" + stop + ".safetensors");
            resumed.save(file);
            resumed = optimizer(broken, turns);
            resumed.restore(file);
          }
          advance(scope, whole, unbroken, step);
          advance(scope, broken, resumed, step);
          assertThat(resumed.active()).isEqualTo(unbroken.active());
        }
        for (int i = 0; i < whole.size(); i++) {
          assertThat(broken.get(i).value().toFloats())
              .containsExactly(whole.get(i).value().toFloats());
          assertThat(broken.get(i).isTrainable()).isEqualTo(whole.get(i).isTrainable());
        }
      }
    }
  }

  private BlockOptimizer optimizer(List<Parameter> parameters, Turns turns) {
    return new BlockOptimizer(
        backend, List.of(new ParameterGroup(parameters, 1, 0.1)), turns, 0.9, 0.999, 1e-8);
  }

  private static List<Parameter> problem(Scope scope) {
    List<Parameter> parameters = new ArrayList<>();
    for (int layer = 0; layer < 4; layer++) {
      parameters.add(
          new Parameter(
              "model.layers." + layer + ".mlp.up_proj.weight",
              scope.of(new float[] {1, 2, 3, -layer, 5, 6}, 2, 3).needsGrad(true)));
    }
    parameters.add(
        new Parameter("model.norm.weight", scope.of(new float[] {1, 2}, 2).needsGrad(true)));
    return parameters;
  }

  private static void advance(
      Scope scope, List<Parameter> parameters, BlockOptimizer optimizer, int step) {
    for (Parameter p : parameters) {
      if (p.isTrainable()) {
        float[] gradient = new float[(int) p.size()];
        for (int i = 0; i < gradient.length; i++) {
          gradient[i] = (float) Math.sin(step + 2.0 * i + p.name().hashCode());
        }
        p.value().grad(scope.of(gradient, p.value().shape().dims()));
      }
    }
    optimizer.step(1e-2, 1);
    Gradients.release(optimizer.parameters());
  }

  private static Tensor load(Scope scope, SafetensorsFile file, String name) {
    long[] shape = file.tensor(name).shape();
    Tensor t = scope.empty(DType.F32, Arrays.stream(shape).mapToInt(Math::toIntExact).toArray());
    TensorBytes.read(file.toString(), file.tensor(name), t);
    return t;
  }
}
