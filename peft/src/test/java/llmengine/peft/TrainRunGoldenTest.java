package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.StoredTensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.load.Pretrained;
import llmengine.nn.optim.AdamW;
import llmengine.nn.optim.Gradients;
import llmengine.nn.optim.ParameterGroup;
import llmengine.nn.optim.Schedule;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ten optimizer steps as the Hugging Face Trainer made them. */
class TrainRunGoldenTest {
  private final Backend backend = TestBackends.create();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama_lora",
        "llama_rslora",
        "llama_loraplus_16",
        "llama_loraplus_dora",
        "llama_dora",
        "llama_pissa",
        "llama_oft",
        "llama_lora_bf16_base",
        "llama_full",
        "llama_full_pretrain_labels",
        "llama_freeze_last_layer",
        "gemma2_full",
        "qwen3_full"
      })
  void agreesWithTheTrainer(String name) throws IOException {
    Path dir = Shared.path("golden/open/B_train_runs/" + name);
    JsonNode golden = Shared.json(dir.resolve("case.json"));
    String family = golden.path("base").path("family").asText();
    try (Pretrained files = Pretrained.open(Shared.path("models/tiny/" + family));
        Decoder model = files.load(backend);
        Scope run = new Scope(backend, "run");
        SafetensorsFile batches =
            SafetensorsFile.open(dir.resolve(golden.path("batches").asText()))) {
      if (golden.path("hyper").path("bf16").asBoolean()) {
        model.parameters().values().forEach(p -> toBf16(p, run));
      }
      Optional<Adapters> adapters = Optional.empty();
      List<Parameter> trained;
      switch (golden.path("kind").asText()) {
        case "full" -> trained = TrainableParameters.full(model, run);
        case "freeze" ->
            trained = TrainableParameters.freeze(model, run, 1, List.of("all"), List.of());
        default -> {
          adapters = Optional.of(Adapters.open(model, dir.resolve("initial_adapter"), true));
          trained = adapters.get().parameters();
        }
      }
      train(model, trained, run, golden, batches);
      finalWeights(golden, trained);
      for (Parameter p : model.parameters().values()) {
        if (!trained.contains(p)) {
          assertThat(p.value().grad()).as("gradient of frozen %s", p.name()).isNull();
        }
      }
      adapters.ifPresent(Adapters::close);
    }
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  private static void toBf16(Parameter p, Scope scope) {
    if (p.value().shape().rank() == 2) {
      Tensor narrow = scope.empty(DType.BF16, p.value().shape().dims());
      scope.backend().copy(p.value(), narrow);
      p.value(narrow);
    }
  }

  private void train(
      Decoder model, List<Parameter> trained, Scope run, JsonNode golden, SafetensorsFile batches) {
    JsonNode hyper = golden.path("hyper");
    boolean bf16 = hyper.path("bf16").asBoolean();
    int[] ids = ints(batches.tensor("input_ids"));
    int[] mask = ints(batches.tensor("attention_mask"));
    int[] labels = ints(batches.tensor("labels"));
    AdamW optimizer = new AdamW(run, groups(hyper, trained), 0.9, 0.999, 1e-8);
    Schedule schedule =
        Schedule.of(
            hyper.path("sched").asText(),
            hyper.path("lr").asDouble(),
            10,
            hyper.path("warm").asInt(),
            Map.of());
    model.checkpointing(true);
    for (int step = 0; step < 10; step++) {
      double loss = 0;
      int items = golden.path("num_items").get(step).asInt();
      for (int micro = 0; micro < 2; micro++) {
        loss += microStep(model, ids, mask, labels, (step * 2 + micro) * 2 * 24, items);
      }
      double norm = Gradients.norm(optimizer.parameters());
      optimizer.step(
          schedule.rate(step), Gradients.clipFactor(norm, hyper.path("clip").asDouble()));
      Gradients.release(optimizer.parameters());
      double wantLoss = golden.path("loss").get(step).asDouble();
      double wantNorm = golden.path("grad_norm").get(step).asDouble();
      assertThat(loss / items / wantLoss)
          .as("loss of step %d as a share of the expected", step)
          .isCloseTo(1, within(bf16 ? 2e-2 : 1e-4));
      assertThat(norm / wantNorm)
          .as("gradient norm of step %d as a share of the expected", step)
          .isCloseTo(1, within(bf16 ? 5e-2 : 1e-3));
      assertThat(schedule.rate(step))
          .isCloseTo(golden.path("lr").get(step).asDouble(), within(1e-9));
    }
  }

  private static List<ParameterGroup> groups(JsonNode hyper, List<Parameter> trained) {
    double decay = hyper.path("wd").asDouble();
    double ratio = hyper.path("loraplus").asDouble();
    return ratio == 0
        ? ParameterGroup.byName(trained, decay)
        : ParameterGroup.loraPlus(trained, decay, ratio, 0);
  }

  /** Runs two rows forward and backward; returns the sum of their losses. */
  private double microStep(
      Decoder model, int[] ids, int[] mask, int[] labels, int from, int items) {
    int[] lengths = new int[2];
    int[] flat = new int[48];
    List<Integer> rows = new ArrayList<>();
    List<Integer> targets = new ArrayList<>();
    int at = 0;
    for (int r = 0; r < 2; r++) {
      for (int t = 0; t < 24 && mask[from + r * 24 + t] == 1; t++) {
        int i = from + r * 24 + t;
        if (t > 0 && labels[i] >= 0) {
          rows.add(at - 1);
          targets.add(labels[i]);
        }
        flat[at++] = ids[i];
        lengths[r]++;
      }
    }
    try (Scope scope = new Scope(backend, "micro-batch")) {
      Tape tape = Tape.training(scope);
      Batch batch = Batch.of(scope, java.util.Arrays.copyOf(flat, at), lengths);
      Tensor hidden = model.hidden(tape, batch);
      Tensor losses =
          CausalLoss.apply(tape, model, hidden, array(rows), array(targets), 1f / items);
      tape.backward();
      return backend.sum(losses);
    }
  }

  private static void finalWeights(JsonNode golden, List<Parameter> trained) {
    boolean bf16 = golden.path("hyper").path("bf16").asBoolean();
    JsonNode weights = golden.path("final_trainable_weights");
    assertThat(weights.size()).isEqualTo(trained.size());
    for (Parameter p : trained) {
      JsonNode stats =
          weights.path(
              p.name()
                  .replace(".weight", ".default.weight")
                  .replace("_vector", "_vector.default.weight"));
      stats = stats.isMissingNode() ? weights.path(p.name()) : stats;
      double noise = stats.path("float64_max_abs_difference").asDouble();
      double tolerance = bf16 ? 2e-2 : Math.max(2e-5, 10 * noise);
      float[] values = p.value().toFloats();
      assertThat(stats.path("decayed").asBoolean())
          .as(p.name())
          .isEqualTo(ParameterGroup.isDecayed(p.name()));
      for (int i = 0; i < stats.path("first").size(); i++) {
        assertThat(values[i])
            .as("%s[%d] after the run", p.name(), i)
            .isCloseTo((float) stats.path("first").get(i).asDouble(), within((float) tolerance));
      }
      double squares = 0;
      for (float v : values) {
        squares += (double) v * v;
      }
      assertThat(Math.sqrt(squares) / stats.path("norm").asDouble())
          .as("norm of %s as a share of the expected", p.name())
          .isCloseTo(1, within(bf16 ? 1e-2 : 1e-4));
    }
  }

  private static int[] array(List<Integer> list) {
    return list.stream().mapToInt(i -> i).toArray();
  }

  private static int[] ints(StoredTensor t) {
    int[] values = new int[(int) t.count()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          t.type().bits() == 64
              ? (int) t.data().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i)
              : t.data().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i);
    }
    return values;
  }
}
