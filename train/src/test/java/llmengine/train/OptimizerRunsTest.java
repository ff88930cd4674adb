package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.optim.ParameterGroup;
import llmengine.train.config.ConfigException;
import llmengine.train.config.RunConfig;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs with each optimizer. */
class OptimizerRunsTest {
  private static final String GALORE = "use_galore=true optim=adamw_torch galore_rank=4 ";
  private static final String APOLLO = "use_apollo=true optim=adamw_torch apollo_rank=4 ";

  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
  }

  private static String[] words(String optimizer) {
    List<String> words =
        new ArrayList<>(List.of("finetuning_type=full", "max_steps=8", "weight_decay=0.01"));
    words.addAll(List.of(optimizer.split(" ")));
    return words.toArray(String[]::new);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "optim=adafactor",
        "optim=adagrad",
        "optim=adamw_8bit",
        "optim=paged_lion_8bit learning_rate=0.001",
        "optim=rmsprop_bnb_8bit learning_rate=0.003",
        "optim=lion_32bit learning_rate=0.001",
        "optim=rmsprop learning_rate=0.003",
        "use_muon=true",
        "use_adam_mini=true",
        GALORE + "galore_update_interval=3",
        GALORE + "galore_proj_type=full galore_target=q_proj,mlp",
        "use_galore=true optim=adafactor galore_rank=4",
        APOLLO + "apollo_update_interval=3",
        APOLLO + "apollo_proj=svd apollo_scale_type=tensor",
        APOLLO + "apollo_proj_type=right apollo_scale_front=true",
        GALORE + "galore_layerwise=true galore_update_interval=3",
        "use_galore=true optim=adafactor galore_rank=4 galore_layerwise=true",
        APOLLO + "apollo_layerwise=true",
        "use_badam=true badam_mode=ratio badam_update_ratio=0.3 weight_decay=0",
        "use_badam=true badam_mode=ratio badam_update_ratio=0.3 badam_mask_mode=scatter"
            + " weight_decay=0",
        "use_badam=true badam_switch_interval=3 badam_switch_mode=random",
        "use_badam=true badam_switch_interval=-1 badam_start_block=1"
      })
  void learnsAndResumesUnbrokenWithinItsPlan(String optimizer) throws IOException {
    tiny.run("whole", words(optimizer));
    List<Double> loss = tiny.values("whole", "loss");
    assertThat(loss.getLast()).isLessThan(loss.getFirst());

    assertThat(tiny.run(ShortRun.after(4), "stopped", words(optimizer)))
        .isEqualTo(Trainer.End.INTERRUPTED);
    tiny.run("stopped", words(optimizer));
    assertThat(tiny.weights("stopped").equals(tiny.weights("whole"))).as("weights").isTrue();
    assertThat(tiny.log("stopped")).isEqualTo(tiny.log("whole"));

    RunConfig config = tiny.config("plan", words(optimizer));
    try (Backend backend = new VectorBackend()) {
      tiny.open(
          backend,
          config,
          parts -> {
            long planned =
                Summary.plan(config, parts.model(), parts.method(), parts.data().train())
                    .owners()
                    .get("optimizer");
            try (Scope scope = new Scope(backend, "optimizer")) {
              Optimizers.of(
                  config,
                  parts.model(),
                  scope,
                  ParameterGroup.byName(parts.method().trainable(), 0.01));
              long used = backend.memory().usedBy().get("optimizer");
              // each tensor is rounded up to 64 bytes
              assertThat(used).isBetween(planned * 9 / 10, planned + 64 * 200);
            }
          });
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        GALORE + "galore_layerwise=",
        "stage=pt cutoff_len=16 use_galore=true optim=adafactor galore_rank=4 galore_layerwise=",
        "finetuning_type=freeze freeze_trainable_layers=1 freeze_extra_modules=embed_tokens "
            + GALORE
            + "galore_layerwise=",
        "disable_gradient_checkpointing=true " + APOLLO + "apollo_layerwise="
      })
  void layerwiseUpdatesAreThoseOfAStepWithoutClipping(String words) throws IOException {
    tiny.run("whole", words(words + "false max_grad_norm=0"));
    tiny.run("layers", words(words + "true"));
    assertThat(tiny.weights("layers").equals(tiny.weights("whole"))).as("weights").isTrue();
    assertThat(tiny.values("layers", "loss")).isEqualTo(tiny.values("whole", "loss"));
    assertThat(tiny.values("layers", "grad_norm")).isEqualTo(tiny.values("whole", "grad_norm"));
  }

  @Test
  void aGradientThatIsNotFiniteStopsALayerwiseRunAndNamesThePlace() {
    String[] words = words(APOLLO + "apollo_layerwise=true learning_rate=1e30");
    assertThatThrownBy(() -> tiny.run("broken", words))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected finite");
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() {
    refused("use_galore", "use_galore=true", "finetuning_type=lora");
    refused("one optimizer at a time", words("use_muon=true use_adam_mini=true"));
    refused("not with GaLore", words("use_galore=true optim=sgd"));
    refused("Remove optim", words("use_muon=true optim=adafactor"));
    refused("expected 0, got more", words("use_badam=true badam_mode=ratio weight_decay=0.1"));
    refused("out of range", words("use_badam=true badam_mode=ratio badam_update_ratio=0"));
    refused("use_galore: true", words("galore_layerwise=true"));
    refused("use_apollo: true", words(GALORE + "apollo_layerwise=true"));
    refused(
        "gradient_accumulation_steps: 1",
        words(GALORE + "galore_layerwise=true gradient_accumulation_steps=2"));
    refused("max_grad_norm", words(APOLLO + "apollo_layerwise=true max_grad_norm=1"));
    refused("badam_start_block", words("use_badam=true badam_start_block=7"));
    assertThatThrownBy(() -> tiny.run("x", words(GALORE + "galore_target=nothing")))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("galore_target");
  }

  private void refused(String part, String... words) {
    assertThatThrownBy(() -> tiny.run("x", words))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(part);
  }
}
