package llmengine.nn.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import llmengine.engine.FormatException;
import llmengine.nn.Shared;
import org.junit.jupiter.api.Test;

class ScheduleTest {
  @Test
  void agreesWithTransformers() throws IOException {
    JsonNode golden = Shared.json(Shared.path("golden/open/D_optim/schedules/case.json"));
    double base = golden.path("base_lr").asDouble();
    int total = golden.path("num_training_steps").asInt();
    for (JsonNode entry : golden.path("schedules")) {
      Map<String, Object> kwargs = new LinkedHashMap<>();
      int usual = golden.path("num_warmup_steps").asInt();
      int warmup = entry.path("warmup_steps").asInt(usual);
      for (var kwarg : entry.path("kwargs").properties()) {
        JsonNode value = kwarg.getValue();
        kwargs.put(kwarg.getKey(), value.isTextual() ? value.asText() : value.numberValue());
      }
      Schedule schedule = Schedule.of(entry.path("name").asText(), base, total, warmup, kwargs);
      for (int k = 0; k < entry.path("lr").size(); k++) {
        assertThat(schedule.rate(k))
            .as("%s, step %d", entry.path("name").asText() + kwargs, k)
            .isCloseTo(entry.path("lr").get(k).asDouble(), within(1e-12));
      }
    }
  }

  @Test
  void stableStepsAreAThirdByDefault() {
    Schedule schedule = Schedule.of("warmup_stable_decay", 1, 50, 10, Map.of());
    assertThat(schedule.rate(10)).isEqualTo(1);
    assertThat(schedule.rate(22)).isEqualTo(1);
    assertThat(schedule.rate(24)).isLessThan(1);
    assertThat(schedule.rate(50)).isZero();
  }

  @Test
  void plateauLowersTheRateAfterPatience() {
    Schedule schedule =
        Schedule.of(
            "reduce_lr_on_plateau", 1, 50, 10, Map.of("patience", 1, "factor", 0.5, "min_lr", 0.2));
    schedule.observe(1);
    schedule.observe(1);
    assertThat(schedule.rate(2)).isEqualTo(1);
    Map<String, Double> saved = schedule.state();
    schedule.observe(1);
    assertThat(schedule.rate(3)).isEqualTo(0.5);
    schedule.observe(0.9);
    for (int i = 0; i < 6; i++) {
      schedule.observe(0.9);
    }
    assertThat(schedule.rate(9)).isEqualTo(0.2);
    schedule.restore(saved);
    schedule.observe(1);
    assertThat(schedule.rate(3)).isEqualTo(0.5);
  }

  @Test
  void badParametersAreErrors() {
    refused("cosine", Map.of("cycles", 2), "unknown key for cosine: expected some of [num_cycles]");
    refused("constant", Map.of("num_cycles", 2), "expected none, got [num_cycles]");
    refused("cosine_with_min_lr", Map.of(), "exactly one of min_lr and min_lr_rate");
    refused("cosine", Map.of("num_cycles", "two"), "expected a number, got two");
    refused("warmup_stable_decay", Map.of("decay_type", "cubic"), "[1-sqrt, cosine, linear]");
    refused("warmup_stable_decay", Map.of("num_decay_steps", 1.5), "a whole number");
    refused("polynomial", Map.of("lr_end", 2), "less than the learning rate 1.0");
    refused("kosine", Map.of(), "got kosine");
  }

  @Test
  void warmupFromRatioIsRoundedUp() {
    assertThat(Schedule.warmupSteps(101, 0, 0.1)).isEqualTo(11);
    assertThat(Schedule.warmupSteps(101, 3, 0.1)).isEqualTo(3);
    assertThat(Schedule.warmupSteps(101, 0, 0)).isZero();
  }

  private static void refused(String name, Map<String, Object> kwargs, String message) {
    assertThatThrownBy(() -> Schedule.of(name, 1, 50, 10, kwargs))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(message);
  }
}
