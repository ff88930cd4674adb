package llmengine.train.callback.profile;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import llmengine.train.callback.profile.StepTimes.Phase;
import llmengine.train.callback.profile.StepTimes.Row;
import org.junit.jupiter.api.Test;

class StepTimesTest {
  private long now = 5_000_000;
  private final StepTimes times = new StepTimes(() -> now);

  private void after(int milliseconds) {
    now += milliseconds * 1_000_000L;
  }

  private void step() {
    times.stepBegins();
    after(1);
    times.ends("data", Phase.DATA);
    after(2);
    times.passBegins();
    after(3);
    times.forward("model.layers.0.mlp.linear", false);
    after(4);
    times.forward("model.layers.1.linear", false);
    after(5);
    times.forward("model.layers.0.mlp.linear", true);
    after(6);
    times.backward("model.layers.0.mlp.linear");
    after(7);
    times.ends("optimizer", Phase.OPTIMIZER);
    after(8);
    times.stepEnds();
  }

  @Test
  void everyMomentOfAStepIsCountedOnce() {
    step();
    after(100); // between steps
    step();
    assertThat(times.steps()).isEqualTo(2);
    assertThat(times.nanos()).isEqualTo(2 * 36_000_000L);
    assertThat(times.rows().values().stream().mapToLong(Row::total).sum()).isEqualTo(times.nanos());
    Row row = times.rows().get("model.layers.0.mlp.linear");
    assertThat(row.nanos[Phase.FORWARD.ordinal()]).isEqualTo(6_000_000);
    assertThat(row.nanos[Phase.RECOMPUTED.ordinal()]).isEqualTo(10_000_000);
    assertThat(row.nanos[Phase.BACKWARD.ordinal()]).isEqualTo(12_000_000);
    assertThat(row.calls).isEqualTo(2);
    assertThat(times.rows().get("other").total()).isEqualTo(20_000_000);
  }

  @Test
  void tablesAreByLayerAndByOperation() {
    step();
    ProfileTable table = new ProfileTable(times);
    assertThat(table.line())
        .isEqualTo(
            "36.0 ms a step: data 2.8 %, forward 19.4 %, recomputed 13.9 %, backward 16.7 %,"
                + " optimizer 19.4 %, other 27.8 %");
    assertThat(table.text())
        .contains("model.layers.0       1.0      3.000      5.000      6.000     14.000  38.89\n")
        .contains("linear          2.0      7.000      5.000      6.000     18.000  50.00\n")
        .contains("step            6.0      7.000      5.000      6.000     36.000 100.00\n");
    assertThat(table.csv().lines())
        .contains(
            "model.layers.1,linear,1.00,0.000000,4.000000,0.000000,0.000000,0.000000,0.000000,"
                + "4.000000,11.111");
  }

  @Test
  void layersAreNumberedBlocksAndWhatIsOutsideThem() {
    Map.of(
            "model.layers.12.self_attn.q_proj.lora", "model.layers.12",
            "model.layers.3.block", "model.layers.3",
            "model.embedding", "model.embedding",
            "optimizer", "optimizer")
        .forEach((where, layer) -> assertThat(ProfileTable.layer(where)).isEqualTo(layer));
  }
}
