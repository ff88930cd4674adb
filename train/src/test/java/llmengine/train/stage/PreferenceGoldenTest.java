package llmengine.train.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.batch.Collator;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.StepBatch;
import llmengine.data.process.Example;
import llmengine.data.process.Feedback;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.ValueHead;
import llmengine.nn.load.Pretrained;
import llmengine.nn.optim.Gradients;
import llmengine.peft.Adapters;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.Shared;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Loss, logged values and gradients of one micro-batch as LLaMA-Factory computed them. */
class PreferenceGoldenTest {
  private static final Objective.Step STEP = new Objective.Step(0, 1, false);

  private static Path shared(String path) {
    Path found = Shared.folder().resolve(path);
    assumeTrue(Files.exists(found), "skipped: " + found + " is absent; set ENGINE_SHARED");
    return found;
  }

  /** An opened case: the tiny model with the case's adapter. */
  private record Case(JsonNode golden, Path folder, Decoder model, Adapters adapters) {
    JsonNode hyper(String name) {
      return golden.path("hyper").path(name);
    }

    Optional<Reference> reference() {
      return Optional.of(ReferenceModel.without(() -> adapters, model));
    }
  }

  private interface Check {
    void run(Case opened);
  }

  private static void open(String name, Check check) {
    Path folder = shared("golden/open/C_preference/" + name);
    JsonNode golden = JsonFiles.read(folder.resolve("case.json"));
    Path adapter = folder.resolve(golden.path("adapter_folder").asText()).normalize();
    try (Backend backend = new VectorBackend();
        Pretrained files =
            Pretrained.open(shared("models/tiny/" + golden.at("/base/family").asText()));
        Decoder model = files.load(backend);
        Adapters adapters = Adapters.open(model, adapter, true)) {
      check.run(new Case(golden, folder, model, adapters));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dpo_sigmoid",
        "dpo_sigmoid_smoothing",
        "dpo_sigmoid_ftx",
        "dpo_hinge",
        "dpo_ipo",
        "dpo_ld_alpha",
        "dpo_bco",
        "orpo",
        "simpo"
      })
  void pairsAreJudgedAsRecorded(String name) {
    open(
        name,
        opened -> {
          PairLoss loss =
              new PairLoss(
                  PairLoss.Kind.valueOf(opened.hyper("loss").asText().toUpperCase()),
                  opened.hyper("beta").asDouble(),
                  opened.hyper("smooth").asDouble(),
                  opened.hyper("gamma").asDouble(),
                  opened.hyper("bco").asDouble(),
                  opened.hyper("ftx").asDouble());
          JsonNode ld = opened.hyper("ld");
          try (Objective dpo =
              new Dpo(
                  opened.model,
                  loss,
                  ld.isNumber() ? Optional.of(ld.asDouble()) : Optional.empty(),
                  opened.reference(),
                  null,
                  Neftune.OFF)) {
            check(opened, dpo, pairs(opened.golden));
            if (loss.bcoWeight() > 0) {
              assertThat(dpo.state().get("bco_mean"))
                  .isCloseTo(opened.golden.path("bco_baseline").asDouble(), within(1e-5));
            }
          }
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"kto_both", "kto_ftx", "kto_only_chosen", "kto_only_rejected", "kto_weights"})
  void feedbackIsJudgedAsRecorded(String name) {
    open(
        name,
        opened -> {
          var weights =
              new Kto.Weights(
                  opened.hyper("beta").asDouble(),
                  opened.hyper("wc").asDouble(),
                  opened.hyper("wr").asDouble(),
                  opened.hyper("ftx").asDouble());
          try (Objective kto =
              new Kto(opened.model, weights, opened.reference(), null, Neftune.OFF)) {
            check(opened, kto, feedback(opened.golden));
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = "reward_model")
  void scoresAreTheRecordedOnes(String name) {
    open(
        name,
        opened -> {
          int width = opened.model.spec().width();
          ValueHead head =
              ValueHead.open(
                  opened.model.backend(),
                  opened.folder.resolve(opened.golden.path("value_head").asText()).getParent(),
                  width,
                  0);
          head.parameters().forEach(p -> p.trainable(true));
          try (RewardModel rm = new RewardModel(opened.model, head, 1, false, Neftune.OFF)) {
            MicroBatch rows = pairs(opened.golden);
            check(opened, rm, rows);
            JsonNode scores = opened.golden.path("scores");
            for (int r = 0; r < rows.rows(); r++) {
              RewardModel.Scores pair = rm.scores(rows).get(r);
              double chosen = scores.get(r).asDouble();
              double rejected = scores.get(rows.rows() + r).asDouble();
              assertThat((double) pair.chosen()).isCloseTo(chosen, within(1e-4));
              assertThat((double) pair.rejected()).isCloseTo(rejected, within(1e-4));
            }
            var outcome = rm.evaluate(null, rows).orElseThrow();
            assertThat(rm.metrics(outcome.sums(), "eval_").get("eval_accuracy"))
                .isCloseTo(opened.golden.path("accuracy").asDouble(), within(1e-6));
          }
        });
  }

  private static void check(Case opened, Objective objective, MicroBatch rows) {
    JsonNode golden = opened.golden;
    Objective.Outcome outcome =
        objective.gradients(new StepBatch(0, 0, rows.rows(), List.of(rows)), STEP);
    double loss = golden.path("loss").asDouble();
    assertThat(outcome.loss()).as("loss").isCloseTo(loss, within(1e-5 * Math.max(1, loss)));
    Map<String, Double> metrics = objective.metrics(outcome.sums(), "");
    for (var metric : golden.path("metrics").properties()) {
      String key = metric.getKey();
      if (key.startsWith("logits/")) {
        assertThat(metrics).containsKey(key); // theirs count padding
        continue;
      }
      double got =
          key.contains("_sum") || key.contains("count/")
              ? outcome.sums().get(key.replace("_sum", ""))
              : metrics.get(key);
      double want = metric.getValue().asDouble();
      assertThat(got).as(key).isCloseTo(want, within(1e-4 * Math.max(1, Math.abs(want))));
    }
    List<Parameter> trained = new ArrayList<>(opened.adapters.parameters());
    trained.addAll(objective.parameters());
    double norm = golden.path("total_grad_norm").asDouble();
    assertThat(Gradients.norm(trained)).as("norm").isCloseTo(norm, within(1e-4 * norm));
    for (Parameter p : trained) {
      String name = p.name().replace("base_model.model.", "");
      JsonNode want = golden.path("grad").path(name);
      float[] got = p.value().grad().toFloats();
      double square = 0;
      for (float g : got) {
        square += (double) g * g;
      }
      double expected = want.path("norm").asDouble();
      assertThat(Math.sqrt(square)).as(name).isCloseTo(expected, within(2e-4 * expected + 1e-6));
      for (int i = 0; i < want.path("first").size(); i++) {
        double first = want.path("first").get(i).asDouble();
        assertThat((double) got[i]).as(name).isCloseTo(first, within(2e-4 * expected + 1e-6));
      }
    }
    Gradients.release(trained);
  }

  /** n chosen rows, then n rejected ones, as pairs. */
  private static MicroBatch pairs(JsonNode golden) {
    JsonNode batch = golden.path("batch");
    int n = batch.path("input_ids").size() / 2;
    List<Example> rows = new ArrayList<>();
    for (int r = 0; r < n; r++) {
      rows.add(join(part(batch, r), part(batch, n + r), Feedback.NONE));
    }
    return collate(rows);
  }

  private static MicroBatch feedback(JsonNode golden) {
    List<Example> rows = new ArrayList<>();
    for (int r = 0; r < golden.path("kto_tags").size(); r++) {
      Feedback feedback =
          golden.path("kto_tags").get(r).asBoolean() ? Feedback.DESIRABLE : Feedback.UNDESIRABLE;
      rows.add(join(part(golden.path("batch"), r), part(golden.path("kl_batch"), r), feedback));
    }
    return collate(rows);
  }

  private static MicroBatch collate(List<Example> rows) {
    int[] numbers = new int[rows.size()];
    Arrays.setAll(numbers, i -> i);
    return Collator.collate(rows, numbers);
  }

  private static Example.Part part(JsonNode batch, int row) {
    int length = 0;
    for (JsonNode attended : batch.path("attention_mask").get(row)) {
      length += attended.asInt();
    }
    int[] ids = new int[length];
    int[] labels = new int[length];
    for (int t = 0; t < length; t++) {
      ids[t] = batch.path("input_ids").get(row).get(t).asInt();
      labels[t] = batch.has("labels") ? batch.path("labels").get(row).get(t).asInt() : ids[t];
    }
    return new Example.Part(ids, labels);
  }

  private static Example join(Example.Part a, Example.Part b, Feedback feedback) {
    int[] parts = {a.ids().length, b.ids().length};
    return Example.of(join(a.ids(), b.ids()), join(a.labels(), b.labels()), parts, feedback);
  }

  private static int[] join(int[] a, int[] b) {
    int[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }
}
