package llmengine.train.ppo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.file.SafetensorsFile;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.Shared;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PpoMathsTest {
  /** Tokens whose mask is 1, by row, and how many positions follow each row's last. */
  private record Rows(int[][] positions, int[] padding, int width) {
    static Rows of(SafetensorsFile file) {
      long[] mask = file.tensor("mask").data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
      int rows = (int) file.tensor("mask").shape()[0];
      int width = (int) file.tensor("mask").shape()[1];
      int[][] positions = new int[rows][];
      int[] padding = new int[rows];
      for (int r = 0; r < rows; r++) {
        List<Integer> at = new ArrayList<>();
        for (int t = 0; t < width; t++) {
          if (mask[r * width + t] == 1) {
            at.add(t);
          }
        }
        positions[r] = at.stream().mapToInt(t -> t).toArray();
        padding[r] = width - 1 - at.getLast();
      }
      return new Rows(positions, padding, width);
    }

    double[][] pick(float[] values) {
      double[][] picked = new double[positions.length][];
      for (int r = 0; r < picked.length; r++) {
        int row = r;
        picked[r] = Arrays.stream(positions[r]).mapToDouble(t -> values[row * width + t]).toArray();
      }
      return picked;
    }

    double[][] pick(JsonNode values) {
      double[][] picked = new double[positions.length][];
      for (int r = 0; r < picked.length; r++) {
        JsonNode row = values.path(r);
        picked[r] = Arrays.stream(positions[r]).mapToDouble(t -> row.path(t).asDouble()).toArray();
      }
      return picked;
    }
  }

  private static Path shared(String name) {
    Path path = Shared.folder().resolve(name);
    assumeTrue(Files.exists(path), "no recorded numbers at " + path);
    return path;
  }

  private static float[] floats(SafetensorsFile file, String name) {
    return file.tensor(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static double[] flat(double[][] rows) {
    return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
  }

  private static void close(double[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).as("%d", i).isCloseTo(expected[i], within(2e-6));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"default", "whiten_rewards", "other_coefficients", "ratio_threshold"})
  void functionsEqualTheRecordedOnes(String name) throws IOException {
    Path dir = shared("golden/open/C_preference/ppo_functions");
    JsonNode expected = JsonFiles.read(dir.resolve("case.json")).path("results").path(name);
    JsonNode h = expected.path("hyper");
    try (SafetensorsFile file = SafetensorsFile.open(dir.resolve("golden.safetensors"))) {
      Rows rows = Rows.of(file);
      double[][] logProbs = rows.pick(floats(file, "logprobs"));
      double[][] reference = rows.pick(floats(file, "ref_logprobs"));
      double[][] values = rows.pick(floats(file, "values"));
      float[] scores = floats(file, "scores");
      double[][] rewards = new double[scores.length][];
      for (int r = 0; r < rewards.length; r++) {
        rewards[r] =
            TokenRewards.of(
                logProbs[r], reference[r], scores[r], h.path("init_kl_coef").asDouble());
      }
      close(flat(rewards), flat(rows.pick(expected.path("rewards"))));
      Advantages a =
          Advantages.of(
              rewards,
              values,
              rows.padding(),
              h.path("gamma").asDouble(),
              h.path("lam").asDouble(),
              h.path("whiten_rewards").asBoolean());
      close(flat(a.advantages()), flat(rows.pick(expected.path("advantages"))));
      close(flat(a.returns()), flat(rows.pick(expected.path("returns"))));
      PpoLoss loss =
          PpoLoss.of(
              new PpoLoss.Limits(
                  h.path("cliprange").asDouble(),
                  h.path("cliprange_value").asDouble(),
                  h.path("vf_coef").asDouble(),
                  h.path("ratio_threshold").asDouble()),
              flat(rows.pick(floats(file, "new_logprobs"))),
              flat(rows.pick(floats(file, "new_values"))),
              flat(logProbs),
              flat(values),
              flat(a.advantages()),
              flat(a.returns()));
      JsonNode l = expected.path("loss");
      assertThat(loss.skipped()).isEqualTo(l.path("skipped").asBoolean());
      assertThat(loss.policy()).isCloseTo(l.path("policy").asDouble(), within(1e-6));
      assertThat(loss.value()).isCloseTo(l.path("value").asDouble(), within(2e-6));
      assertThat(loss.meanRatio()).isCloseTo(l.path("mean_ratio").asDouble(), within(1e-6));
      close(loss.logProbSlopes(), flat(rows.pick(expected.path("grad_logprobs"))));
      close(loss.valueSlopes(), flat(rows.pick(expected.path("grad_values"))));
    }
  }

  @Test
  void controllerFollowsTheRecordedTrace() {
    JsonNode trace =
        JsonFiles.read(shared("golden/open/C_preference/ppo_functions/case.json"))
            .path("kl_controller");
    KlController controller =
        new KlController(trace.path("target").asDouble(), trace.path("init").asDouble());
    for (JsonNode step : trace.path("trace")) {
      controller.update(step.path("kl").asDouble(), step.path("n_steps").asInt());
      assertThat(controller.value()).isCloseTo(step.path("value").asDouble(), within(1e-12));
    }
  }

  @Test
  void scoresAreScaledAsRecorded() {
    JsonNode golden =
        JsonFiles.read(
            shared("golden/open/C_preference/ppo_step_accumulation_norm_whiten/case.json"));
    double[] raw = numbers(golden.path("raw_scores"));
    double[] scaled = new ScoreScale().scale(raw);
    double[] expected = numbers(golden.path("scores"));
    for (int i = 0; i < raw.length; i++) {
      assertThat(scaled[i]).isCloseTo(expected[i], within(1e-5));
    }
  }

  private static double[] numbers(JsonNode list) {
    double[] numbers = new double[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = list.path(i).asDouble();
    }
    return numbers;
  }

  @Test
  void advantagesByHand() {
    // one row of two tokens, gamma 1, lambda 0.5: deltas 1 + 2 - 1 = 2 and 3 - 2 = 1
    Advantages a =
        Advantages.of(
            new double[][] {{1, 3}}, new double[][] {{1, 2}}, new int[] {5}, 1, 0.5, false);
    assertThat(a.returns()[0]).containsExactly(3.5, 3);
    // 2.5 and 1 around their mean 1.75 with deviation sqrt(1.125)
    assertThat(a.advantages()[0][0]).isCloseTo(0.75 / Math.sqrt(1.125), within(1e-7));
  }

  @Test
  void aTokenBeyondTheLimitOnTheGoodSideHasNoSlope() {
    PpoLoss loss =
        PpoLoss.of(
            PpoLoss.Limits.USUAL,
            new double[] {0.5, -0.5, 0.5},
            new double[] {1, 1, 1},
            new double[3],
            new double[] {1, 1, 1},
            new double[] {1, -1, -1},
            new double[] {1, 1, 1});
    assertThat(loss.logProbSlopes()[0]).isZero();
    assertThat(loss.logProbSlopes()[1]).isZero();
    assertThat(loss.logProbSlopes()[2]).isPositive();
    assertThat(loss.valueSlopes()).containsOnly(0);
  }
}
