package llmengine.nn.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.nn.Parameter;
import llmengine.nn.Shared;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptimizerTest {
  private final Backend backend = TestBackends.create();

  @ParameterizedTest
  @ValueSource(strings = {"adamw", "sgd", "sgd_momentum", "sgd_nesterov"})
  void followsTheRecordedTrajectory(String name) throws IOException {
    Path dir = Shared.path("golden/open/D_optim/" + name);
    JsonNode golden = Shared.json(dir.resolve("case.json"));
    JsonNode hyper = golden.path("hyper");
    double decay = hyper.path("weight_decay").asDouble();
    try (Scope scope = new Scope(backend, "test");
        SafetensorsFile problem =
            SafetensorsFile.open(dir.resolve(golden.path("problem").asText()));
        SafetensorsFile file = SafetensorsFile.open(dir.resolve("golden.safetensors"))) {
      Map<String, Parameter> parameters = new LinkedHashMap<>();
      for (String p : List.of("W", "U", "b")) {
        Tensor value = load(scope, problem, "init_" + p);
        parameters.put(p, new Parameter(p, value.needsGrad(true)));
      }
      List<ParameterGroup> groups =
          List.of(new ParameterGroup(List.copyOf(parameters.values()), 1, decay));
      Optimizer optimizer =
          name.equals("adamw")
              ? new AdamW(scope, groups, 0.9, 0.999, hyper.path("eps").asDouble())
              : new Sgd(
                  scope,
                  groups,
                  hyper.path("momentum").asDouble(0),
                  hyper.path("nesterov").asBoolean(false));
      for (int step = 0; step < 20; step++) {
        for (var p : parameters.entrySet()) {
          Tensor value = p.getValue().value();
          Tensor all = load(scope, problem, "grad_" + p.getKey());
          float[] gradient = part(all.toFloats(), step, (int) value.size());
          value.grad(scope.empty(DType.F32, value.shape().dims()).set(gradient));
        }
        optimizer.step(hyper.path("lr").asDouble(), 1);
        for (var p : parameters.entrySet()) {
          float[] values = p.getValue().value().toFloats();
          float[] expected =
              part(load(scope, file, "traj_" + p.getKey()).toFloats(), step, values.length);
          for (int i = 0; i < values.length; i++) {
            assertThat(values[i])
                .as("%s[%d] after step %d", p.getKey(), i, step + 1)
                .isCloseTo(expected[i], within(1e-5f));
          }
        }
      }
    }
  }

  @Test
  void savedAndRestoredStateContinuesBitForBit(@TempDir Path dir) {
    try (Scope scope = new Scope(backend, "test")) {
      Parameter a = parameter(scope, "a.weight", 3, 5);
      Parameter b = parameter(scope, "b.weight", 3, 5);
      AdamW first = new AdamW(scope, ParameterGroup.byName(List.of(a), 0.1), 0.9, 0.99, 1e-8);
      run(scope, first, a, 0, 7);
      first.save(dir.resolve("optimizer.safetensors"));
      Parameter again = new Parameter("a.weight", b.value());
      b.value().set(a.value().toFloats());
      AdamW second = new AdamW(scope, ParameterGroup.byName(List.of(again), 0.1), 0.9, 0.99, 1e-8);
      second.restore(dir.resolve("optimizer.safetensors"));
      run(scope, first, a, 7, 12);
      run(scope, second, again, 7, 12);
      assertThat(again.value().toFloats()).containsExactly(a.value().toFloats());
    }
  }

  @Test
  void stateOfAnotherRunIsRefused(@TempDir Path dir) {
    Path file = dir.resolve("optimizer.safetensors");
    try (Scope scope = new Scope(backend, "test")) {
      Parameter a = parameter(scope, "a.weight", 3, 5);
      List<ParameterGroup> groups = ParameterGroup.byName(List.of(a), 0);
      new AdamW(scope, groups, 0.9, 0.99, 1e-8).save(file);
      assertThatThrownBy(() -> new Sgd(scope, groups, 0.9, false).restore(file))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("expected 2 tensors of sgd, got 3 of adamw");
      Parameter other = parameter(scope, "other.weight", 3, 5);
      AdamW named = new AdamW(scope, ParameterGroup.byName(List.of(other), 0), 0.9, 0.99, 1e-8);
      assertThatThrownBy(() -> named.restore(file))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("other.weight.step");
      Parameter wide = parameter(scope, "a.weight", 3, 6);
      AdamW shaped = new AdamW(scope, ParameterGroup.byName(List.of(wide), 0), 0.9, 0.99, 1e-8);
      assertThatThrownBy(() -> shaped.restore(file))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("wrong shape: expected [3, 6], got [3, 5]");
    }
  }

  @Test
  void stepsTakeNoMemoryAndParametersWithoutGradientStay() {
    try (Scope scope = new Scope(backend, "test")) {
      Parameter a = parameter(scope, "a.weight", 8, 8);
      Parameter still = parameter(scope, "b.weight", 2, 2);
      AdamW optimizer =
          new AdamW(scope, ParameterGroup.byName(List.of(a, still), 0.1), 0.9, 0.99, 1e-8);
      float[] before = still.value().toFloats();
      a.value().grad(scope.zeros(DType.F32, 8, 8));
      long used = backend.memory().used();
      for (int i = 0; i < 5; i++) {
        optimizer.step(0.1, 1);
      }
      assertThat(backend.memory().used()).isEqualTo(used);
      assertThat(still.value().toFloats()).containsExactly(before);
    }
  }

  @Test
  void gradientsOfAllParametersMakeOneNorm() {
    try (Scope scope = new Scope(backend, "test")) {
      Parameter a = parameter(scope, "a", 1, 2);
      Parameter b = parameter(scope, "b", 1, 1);
      a.value().grad(scope.of(new float[] {3, 0}, 1, 2));
      assertThat(Gradients.norm(List.of(a, b))).isEqualTo(3);
      b.value().grad(scope.of(new float[] {4}, 1, 1));
      assertThat(Gradients.norm(List.of(a, b))).isEqualTo(5);
      long used = backend.memory().used();
      Gradients.release(List.of(a, b));
      assertThat(a.value().grad()).isNull();
      assertThat(backend.memory().used()).isLessThan(used);
    }
    assertThat(Gradients.clipFactor(4, 1)).isEqualTo((float) (1 / (4 + 1e-6)));
    assertThat(Gradients.clipFactor(0.5, 1)).isEqualTo(1);
    assertThat(Gradients.clipFactor(4, 0)).isEqualTo(1);
  }

  @Test
  void biasesAndNormsAreNotDecayed() {
    assertThat(
            List.of(
                "model.norm.weight",
                "model.layers.0.input_layernorm.weight",
                "model.layers.0.self_attn.q_norm.weight",
                "model.layers.0.self_attn.q_proj.bias"))
        .noneMatch(ParameterGroup::isDecayed);
    assertThat(
            List.of(
                "model.embed_tokens.weight",
                "model.layers.0.mlp.up_proj.weight",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                "model.normal.weight"))
        .allMatch(ParameterGroup::isDecayed);
  }

  private static void run(Scope scope, Optimizer optimizer, Parameter p, int from, int to) {
    for (int step = from; step < to; step++) {
      float[] gradient = new float[(int) p.size()];
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] = (float) Math.sin(step * 31 + i);
      }
      p.value().grad(scope.empty(DType.F32, p.value().shape().dims()).set(gradient));
      optimizer.step(0.01 * (step + 1), 0.7f);
    }
  }

  private static Parameter parameter(Scope scope, String name, int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.cos(i);
    }
    return new Parameter(name, scope.of(values, rows, cols).needsGrad(true));
  }

  private static Tensor load(Scope scope, SafetensorsFile file, String name) {
    var stored = file.tensor(name);
    List<Integer> dims = new ArrayList<>();
    for (long d : stored.shape()) {
      dims.add((int) d);
    }
    Tensor t = scope.empty(DType.F32, dims.stream().mapToInt(d -> d).toArray());
    TensorBytes.read(file.path().toString(), stored, t);
    return t;
  }

  private static float[] part(float[] all, int index, int size) {
    return Arrays.copyOfRange(all, index * size, (index + 1) * size);
  }
}
