package llmengine.train.ppo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.load.Pretrained;
import llmengine.nn.optim.AdamW;
import llmengine.nn.optim.Gradients;
import llmengine.nn.optim.ParameterGroup;
import llmengine.peft.Adapters;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.Shared;
import llmengine.train.stage.Objective;
import llmengine.train.stage.ReferenceModel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One whole step against recorded ones: losses of every mini-batch, weights at the end. */
class PpoStepTest {
  @ParameterizedTest
  @ValueSource(strings = {"ppo_step", "ppo_step_accumulation_norm_whiten"})
  void stepEqualsTheRecordedOne(String name) {
    Path dir = Shared.folder().resolve("golden/open/C_preference/" + name);
    assumeTrue(Files.exists(dir), "no recorded numbers at " + dir);
    JsonNode golden = JsonFiles.read(dir.resolve("case.json"));
    JsonNode h = golden.path("hyper");
    Path base =
        Shared.folder().resolve("models/tiny/" + golden.path("base").path("family").asText());
    try (Backend backend = new VectorBackend();
        Pretrained files = Pretrained.open(base);
        Decoder model = files.load(backend);
        Adapters adapters = Adapters.open(model, dir, true);
        Scope scope = new Scope(backend, "optimizer")) {
      ValueHead head = ValueHead.open(backend, dir, model.spec().width(), 0);
      head.parameters().forEach(p -> p.trainable(true));
      double[] scores = numbers(golden.path("raw_scores"));
      Ppo ppo =
          new Ppo(
              model,
              head,
              new Ppo.Settings(
                  h.path("mini_batch_size").asInt(),
                  h.path("gradient_accumulation_steps").asInt(),
                  h.path("ppo_epochs").asInt(),
                  h.path("target").asDouble(),
                  h.path("score_norm").asBoolean(),
                  h.path("whiten_rewards").asBoolean(),
                  false,
                  1),
              SamplingOptions.defaults(),
              conversations -> scores,
              ReferenceModel.without(() -> adapters, model));
      List<Parameter> trained = new ArrayList<>(adapters.parameters());
      trained.addAll(head.parameters());
      AdamW optimizer =
          new AdamW(scope, List.of(new ParameterGroup(trained, 1, 0)), 0.9, 0.999, 1e-8);
      List<int[]> prompts = lists(golden.path("queries"));
      List<int[]> answers = lists(golden.path("responses"));
      List<int[]> whole = new ArrayList<>();
      for (int i = 0; i < prompts.size(); i++) {
        whole.add(Rollout.joined(prompts.get(i), answers.get(i)));
      }
      List<Double> norms = new ArrayList<>();
      double loss =
          ppo.update(
              ppo.judged(whole, prompts),
              lists(golden.path("permutations")).toArray(int[][]::new),
              new Objective.Step(0, 1, false),
              value -> {
                double norm = Gradients.norm(trained);
                norms.add(norm);
                optimizer.step(
                    h.path("lr").asDouble(),
                    Gradients.clipFactor(norm, h.path("max_grad_norm").asDouble()));
                Gradients.release(trained);
              });
      double expected = golden.path("stats").path("ppo/loss/total").asDouble();
      assertThat(loss).isCloseTo(expected, within(1e-4 * Math.max(1, Math.abs(expected))));
      int update = 0;
      for (JsonNode batch : golden.path("minibatches")) {
        if (batch.has("grad_norm_before_clip")) {
          double norm = batch.path("grad_norm_before_clip").asDouble();
          assertThat(norms.get(update++)).isCloseTo(norm, within(2e-3 * norm));
        }
      }
      assertThat(ppo.state().get("kl_coef"))
          .isCloseTo(golden.path("stats").path("kl_coef_after").asDouble(), within(1e-6));
      JsonNode weights = golden.path("final_weights");
      int compared = 0;
      for (Parameter p : trained) {
        String key = p.name().replace("base_model.model.", "");
        JsonNode stats = weights.path(key);
        if (stats.isMissingNode()) {
          continue;
        }
        compared++;
        float[] values = p.value().toFloats();
        double[] first = numbers(stats.path("first"));
        for (int i = 0; i < first.length; i++) {
          assertThat((double) values[i]).as(key).isCloseTo(first[i], within(1e-4));
        }
      }
      assertThat(compared).isEqualTo(weights.size());
      ppo.close();
    }
  }

  private static double[] numbers(JsonNode list) {
    double[] numbers = new double[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = list.path(i).asDouble();
    }
    return numbers;
  }

  private static List<int[]> lists(JsonNode lists) {
    List<int[]> all = new ArrayList<>();
    for (JsonNode list : lists) {
      int[] ids = new int[list.size()];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = list.path(i).asInt();
      }
      all.add(ids);
    }
    return all;
  }
}
