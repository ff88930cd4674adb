package llmengine.nn.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.nn.Parameter;
import llmengine.nn.Shared;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class RuleOptimizerTest {
  private final Backend backend = TestBackends.create();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lion",
        "lion_hf_betas",
        "adagrad",
        "rmsprop",
        "adafactor_trainer",
        "adafactor_defaults",
        "muon_llamafactory",
        "adam_mini",
        "galore_adafactor",
        "galore_adamw_std",
        "galore_adamw_left",
        "galore_adamw_reverse_std",
        "galore_adamw_full",
        "galore_adamw_gap5",
        "apollo_channel",
        "apollo_gap5",
        "apollo_scale_front",
        "apollo_svd",
        "apollo_tensor_rank1"
      })
  void followsTheRecordedTrajectory(String name) throws IOException {
    Path dir = Shared.path("golden/open/D_optim/" + name);
    JsonNode golden = Shared.json(dir.resolve("case.json"));
    JsonNode hyper = golden.path("hyper");
    try (Scope scope = new Scope(backend, "test");
        SafetensorsFile file = SafetensorsFile.open(dir.resolve("golden.safetensors"));
        SafetensorsFile problem =
            SafetensorsFile.open(
                dir.resolve(golden.path("problem").asText("golden.safetensors")))) {
      List<Parameter> parameters = new ArrayList<>();
      for (String key : problem.tensors().keySet()) {
        if (key.startsWith("init_")) {
          Tensor value = load(scope, problem, key);
          parameters.add(new Parameter(key.substring(5), value.needsGrad(true)));
        }
      }
      RuleOptimizer optimizer =
          new RuleOptimizer(rule(golden, stored(scope, file)), scope, groups(parameters, hyper));
      Map<String, float[]> earlier = new LinkedHashMap<>();
      int steps = (int) file.tensor("traj_" + parameters.getFirst().name()).shape()[0];
      for (int step = 0; step < steps; step++) {
        for (Parameter p : parameters) {
          Tensor value = p.value();
          float[] all = load(scope, problem, "grad_" + p.name()).toFloats();
          float[] gradient = part(all, step, (int) value.size());
          // twice as large, and halved by the scale
          for (int i = 0; i < gradient.length; i++) {
            gradient[i] *= 2;
          }
          value.grad(scope.empty(DType.F32, value.shape().dims()).set(gradient));
        }
        optimizer.step(hyper.path("lr").asDouble(1e-3), 0.5f);
        for (Parameter p : parameters) {
          int size = (int) p.size();
          float[] values = p.value().toFloats();
          float[] trajectory = load(scope, file, "traj_" + p.name()).toFloats();
          float[] expected = part(trajectory, step, size);
          if (golden.path("hyper").path("proj_type").asText().equals("full")) {
            // The first projected gradient is diagonal: beside it Adam divides rounding noise by
            // itself. All later changes are sure.
            float[] before = earlier.put(p.name(), values);
            if (before == null) {
              continue;
            }
            values = difference(values, before);
            expected = difference(expected, part(trajectory, step - 1, size));
          }
          float bound = bound(golden, p.name());
          for (int i = 0; i < values.length; i++) {
            assertThat(values[i])
                .as("%s[%d] after step %d", p.name(), i, step + 1)
                .isCloseTo(expected[i], within(bound));
          }
        }
      }
    }
  }

  private static float[] difference(float[] a, float[] b) {
    float[] d = new float[a.length];
    for (int i = 0; i < d.length; i++) {
      d[i] = a[i] - b[i];
    }
    return d;
  }

  private static float bound(JsonNode golden, String parameter) {
    double iteration = golden.path("float32_newton_schulz_difference").path(parameter).asDouble(0);
    return (float) Math.max(1e-5, 1.01 * iteration);
  }

  private static List<ParameterGroup> groups(List<Parameter> parameters, JsonNode hyper) {
    double decay = hyper.path("weight_decay").asDouble(hyper.path("wd").asDouble());
    boolean projects = hyper.has("proj_type"); // recorded with decayed matrices
    if (!projects) {
      return List.of(new ParameterGroup(parameters, 1, decay));
    }
    return List.of(
        new ParameterGroup(
            parameters.stream().filter(p -> p.value().shape().rank() == 2).toList(),
            1,
            hyper.path("weight_decay_matrices").asDouble(0.01)),
        new ParameterGroup(
            parameters.stream().filter(p -> p.value().shape().rank() == 1).toList(),
            1,
            hyper.path("weight_decay_b").asDouble(0)));
  }

  /** Projections as recorded, {@code projection_W_from_step_5} and so on. */
  private Projection.Source stored(Scope scope, SafetensorsFile file) {
    return (name, number, gradient, left, right) -> {
      String from = "_from_step_" + (number - 1);
      if (left != null && right != null) {
        put(scope, file, "projection_" + name + "_left" + from, left);
        put(scope, file, "projection_" + name + "_right" + from, right);
      } else {
        put(scope, file, "projection_" + name + from, left == null ? right : left);
      }
    };
  }

  /** The recorded left matrices have a singular vector in each column, right ones in each row. */
  private static void put(Scope scope, SafetensorsFile file, String name, Tensor to) {
    Tensor from = load(scope, file, name);
    float[] values = from.toFloats();
    if (!from.shape().equals(to.shape())) {
      float[] turned = new float[values.length];
      for (int r = 0; r < from.rows(); r++) {
        for (int c = 0; c < from.cols(); c++) {
          turned[c * from.rows() + r] = values[r * from.cols() + c];
        }
      }
      values = turned;
    }
    to.set(values);
  }

  private static ParameterRule rule(JsonNode golden, Projection.Source stored) {
    JsonNode h = golden.path("hyper");
    double beta1 = h.path("betas").path(0).asDouble(0.9);
    double beta2 = h.path("betas").path(1).asDouble(0.999);
    double eps = h.path("eps").asDouble(1e-8);
    int gap = h.path("update_proj_gap").asInt(200);
    String type = h.path("proj_type").asText("std").toUpperCase(Locale.ROOT);
    int rank = h.path("rank").asInt(1);
    return switch (golden.path("kind").asText()) {
      case "lion" -> new Lion(beta1, beta2);
      case "adagrad" -> new Adagrad(h.path("eps").asDouble());
      case "rmsprop" -> new RmsProp(h.path("alpha").asDouble(), h.path("eps").asDouble());
      case "adafactor" ->
          new Adafactor(
              h.path("relative_step").asBoolean(true), h.path("scale_parameter").asBoolean(true));
      case "muon_llamafactory" -> new Muon(h.path("momentum").asDouble(), beta1, beta2, eps);
      case "adam_mini" ->
          new AdamMini(beta1, beta2, eps, h.path("dim").asInt() / h.path("n_heads").asInt());
      case "galore" -> {
        // with one projection for the whole run the signs don't matter: ours
        Projection.Type t = Projection.Type.valueOf(type);
        Projection projection =
            gap < 20 ? new Projection(t, rank, stored) : Projection.singular(t, rank);
        boolean adafactor = h.has("relative_step");
        yield new Galore(
            Set.of("W", "U"),
            projection,
            gap,
            h.path("scale").asDouble(),
            adafactor,
            beta1,
            beta2,
            eps);
      }
      case "apollo" -> {
        Projection.Type t = Projection.Type.valueOf(type);
        Projection projection =
            h.path("proj").asText().equals("svd")
                ? Projection.singular(t, rank)
                : new Projection(t, rank, stored);
        yield new Apollo(
            Set.of("W", "U"),
            projection,
            gap,
            h.path("scale").asDouble(),
            h.path("scale_type").asText().equals("channel"),
            h.path("scale_front").asBoolean(),
            beta1,
            beta2,
            eps);
      }
      default -> throw new IllegalArgumentException(golden.path("kind").asText());
    };
  }

  static List<ParameterRule> rules() {
    Set<String> targets = Set.of("w", "tall");
    return List.of(
        new Lion(0.9, 0.99),
        EightBit.adamW(0.9, 0.999, 1e-8),
        EightBit.lion(0.9, 0.99),
        EightBit.rmsProp(0.99, 1e-8),
        new Adagrad(1e-10),
        new RmsProp(0.99, 1e-8),
        new Adafactor(false, false),
        new Muon(0.95, 0.9, 0.999, 1e-8),
        new AdamMini(0.9, 0.999, 1e-8, 2),
        new Galore(
            targets, Projection.singular(Projection.Type.FULL, 3), 2, 1, false, 0.9, 0.999, 1e-8),
        new Galore(
            targets, Projection.singular(Projection.Type.STD, 99), 3, 1, true, 0.9, 0.999, 1e-8),
        new Apollo(
            targets,
            Projection.random(Projection.Type.STD, 2, 7),
            2,
            4,
            true,
            false,
            0.9,
            0.999,
            1e-8));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void savedAndRestoredStateContinuesBitForBit(ParameterRule rule, @TempDir Path dir) {
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> whole = problem(scope);
      RuleOptimizer unbroken =
          new RuleOptimizer(rule, scope, List.of(new ParameterGroup(whole, 1, 0.1)));
      List<Parameter> parts = problem(scope);
      RuleOptimizer first =
          new RuleOptimizer(rule, scope, List.of(new ParameterGroup(parts, 1, 0.1)));
      for (int step = 0; step < 7; step++) {
        gradients(scope, whole, step);
        unbroken.step(1e-2, 1);
        gradients(scope, parts, step);
        if (step == 4) {
          first.save(dir.resolve("optimizer.safetensors"));
          first = new RuleOptimizer(rule, scope, List.of(new ParameterGroup(parts, 1, 0.1)));
          first.restore(dir.resolve("optimizer.safetensors"));
        }
        first.step(1e-2, 1);
      }
      for (int i = 0; i < whole.size(); i++) {
        assertThat(parts.get(i).value().toFloats())
            .containsExactly(whole.get(i).value().toFloats());
        assertThat(whole.get(i).value().toFloats())
            .isNotEqualTo(problem(scope).get(i).value().toFloats());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rules")
  void steadyStepsTakeNothingFromTheSystem(ParameterRule rule) {
    try (Scope scope = new Scope(backend, "test")) {
      List<Parameter> parameters = problem(scope);
      RuleOptimizer optimizer =
          new RuleOptimizer(rule, scope, List.of(new ParameterGroup(parameters, 1, 0.1)));
      gradients(scope, parameters, 0);
      long taken = 0;
      for (int step = 0; step < 12; step++) {
        optimizer.step(1e-2, 1);
        taken = step == 5 ? backend.memory().systemAllocations() : taken;
      }
      assertThat(backend.memory().systemAllocations()).isEqualTo(taken);
    }
  }

  @Test
  void eightBitAdamWFollowsTheRecordedTrajectory() throws IOException {
    Path dir = Shared.path("golden/open/D_optim/adamw_8bit");
    JsonNode h = Shared.json(dir.resolve("case.json")).path("hyper");
    try (Scope scope = new Scope(backend, "test");
        SafetensorsFile file = SafetensorsFile.open(dir.resolve("golden.safetensors"))) {
      Parameter w = new Parameter("W", load(scope, file, "init_W").needsGrad(true));
      ParameterRule rule =
          EightBit.adamW(
              h.path("betas").path(0).asDouble(),
              h.path("betas").path(1).asDouble(),
              h.path("eps").asDouble());
      double decay = h.path("weight_decay").asDouble();
      RuleOptimizer optimizer =
          new RuleOptimizer(rule, scope, List.of(new ParameterGroup(List.of(w), 1, decay)));
      float[] gradients = load(scope, file, "grad_W").toFloats();
      for (int step = 1; step <= h.path("steps").asInt(); step++) {
        float[] gradient = part(gradients, step - 1, (int) w.size());
        w.value().grad(scope.of(gradient, w.value().shape().dims()));
        optimizer.step(h.path("lr").asDouble(), 1);
        if (file.tensors().containsKey("param_after_" + step)) {
          float[] expected = load(scope, file, "param_after_" + step).toFloats();
          float[] values = w.value().toFloats();
          for (int i = 0; i < values.length; i++) {
            assertThat(values[i]).as("step %d, %d", step, i).isCloseTo(expected[i], within(1e-4f));
          }
        }
      }
    }
  }

  @Test
  void singularVectorsOfALargerMatrixSpanItsLeadingSpace() {
    try (Scope scope = new Scope(backend, "test")) {
      int m = 60;
      int n = 90;
      int rank = 4;
      Random random = new Random(3);
      double[] u = random.doubles((long) m * rank, -1, 1).toArray();
      double[] v = random.doubles((long) n * rank, -1, 1).toArray();
      float[] values = new float[m * n];
      for (int i = 0; i < values.length; i++) {
        for (int r = 0; r < rank; r++) {
          values[i] += (float) (Math.pow(4, -r) * u[i / n * rank + r] * v[i % n * rank + r]);
        }
        values[i] += (float) (1e-5 * random.nextGaussian());
      }
      Tensor g = scope.of(values, m, n);
      for (boolean left : new boolean[] {true, false}) {
        Tensor q = SingularVectors.of(scope, g, rank, left);
        Tensor identity = scope.empty(DType.F32, rank, rank);
        backend.matmulNT(q, q, 1, identity, false);
        for (int i = 0; i < rank * rank; i++) {
          assertThat(identity.toFloats()[i]).isCloseTo(i % (rank + 1) == 0 ? 1 : 0, within(1e-5f));
        }
        Tensor small = Projection.project(scope, g, 1, left ? q : null, left ? null : q);
        Tensor rest = scope.empty(DType.F32, m, n);
        backend.copy(g, rest);
        Projection.addBack(small, -1, left ? q : null, left ? null : q, rest);
        assertThat(Math.sqrt(backend.sumOfSquares(rest)))
            .isLessThan(2e-5 * Math.sqrt((double) m * n));
      }
    }
  }

  private List<Parameter> problem(Scope scope) {
    Map<String, int[]> shapes = new LinkedHashMap<>();
    shapes.put("w", new int[] {5, 9});
    shapes.put("tall", new int[] {12, 4});
    shapes.put("b", new int[] {7});
    shapes.put("large", new int[] {67, 63}); // not a whole number of blocks
    List<Parameter> parameters = new ArrayList<>();
    Random random = new Random(1);
    shapes.forEach(
        (name, shape) -> {
          int size = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
          float[] values = new float[size];
          for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
          }
          parameters.add(new Parameter(name, scope.of(values, shape).needsGrad(true)));
        });
    return parameters;
  }

  private static void gradients(Scope scope, List<Parameter> parameters, int step) {
    Random random = new Random(100 + step);
    for (Parameter p : parameters) {
      float[] values = new float[(int) p.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      p.value().grad(scope.of(values, p.value().shape().dims()));
    }
  }

  private static Tensor load(Scope scope, SafetensorsFile file, String name) {
    long[] shape = file.tensor(name).shape();
    Tensor t = scope.empty(DType.F32, Arrays.stream(shape).mapToInt(Math::toIntExact).toArray());
    TensorBytes.read(file.toString(), file.tensor(name), t);
    return t;
  }

  private static float[] part(float[] all, int step, int size) {
    return Arrays.copyOfRange(all, step * size, (step + 1) * size);
  }
}
