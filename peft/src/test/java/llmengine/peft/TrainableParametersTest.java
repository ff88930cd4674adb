package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainableParametersTest {
  private final Backend backend = TestBackends.create();

  @Test
  void choosesByLayerAndName(@TempDir Path dir) throws IOException {
    try (Decoder model = TinyModel.create(backend, dir, false);
        Scope run = new Scope(backend, "run")) {
      assertThat(freeze(model, run, 1, List.of("all"), List.of()))
          .hasSize(9)
          .allMatch(n -> n.startsWith("model.layers.1."));
      assertThat(freeze(model, run, -1, List.of("mlp"), List.of("lm_head")))
          .containsExactly(
              "model.layers.0.mlp.gate_proj.weight",
              "model.layers.0.mlp.up_proj.weight",
              "model.layers.0.mlp.down_proj.weight",
              "lm_head.weight");
      TinyModel.backward(model);
      for (Parameter p : model.parameters().values()) {
        assertThat(p.value().grad() != null).as(p.name()).isEqualTo(p.isTrainable());
      }
      assertThat(TrainableParameters.full(model, run)).hasSize(model.parameters().size());
    }
  }

  @Test
  void unknownNamesAreErrors(@TempDir Path dir) throws IOException {
    try (Decoder model = TinyModel.create(backend, dir, true);
        Scope run = new Scope(backend, "run")) {
      assertThatThrownBy(() -> freeze(model, run, 1, List.of("mpl"), List.of()))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("Did you mean mlp?");
      assertThatThrownBy(() -> freeze(model, run, 1, List.of("all"), List.of("lm_head")))
          .hasMessageContaining("expected one of [embed_tokens, norm], got lm_head");
      assertThatThrownBy(() -> freeze(model, run, 0, List.of("all"), List.of()))
          .hasMessageContaining("nothing to train");
    }
  }

  private static List<String> freeze(
      Decoder model, Scope run, int layers, List<String> modules, List<String> extra) {
    return TrainableParameters.freeze(model, run, layers, modules, extra).stream()
        .map(Parameter::name)
        .toList();
  }
}
