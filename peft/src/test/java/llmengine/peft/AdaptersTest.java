package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.optim.AdamW;
import llmengine.nn.optim.Gradients;
import llmengine.nn.optim.ParameterGroup;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptersTest {
  private static final LoraConfig ALL = LoraConfig.of(4, 8, new Targets.All());
  private static final LoraConfig TABLE =
      LoraConfig.of(4, 8, Targets.of(List.of("embed_tokens", "q_proj")));

  @TempDir private Path dir;
  private final Backend backend = TestBackends.create();

  @AfterEach
  void memoryIsGivenBack() {
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  @Test
  void freshAdapterChangesNothingAndDependsOnItsSeedOnly() throws IOException {
    try (Decoder model = TinyModel.create(backend, dir, false)) {
      float[] plain = TinyModel.logits(model);
      List<float[]> first = new ArrayList<>();
      try (Adapters adapters = Adapters.create(model, ALL, 1)) {
        assertThat(TinyModel.logits(model)).containsExactly(plain);
        adapters.parameters().forEach(p -> first.add(p.value().toFloats()));
        for (Parameter p : adapters.parameters()) {
          if (p.name().endsWith("down_proj.lora_A.weight")) {
            float bound = (float) (1 / Math.sqrt(20));
            for (float v : p.value().toFloats()) {
              assertThat(v).isBetween(-bound, bound);
            }
          }
        }
        assertThat(adapters.parameters()).hasSize(2 * 2 * 7);
      }
      try (Adapters again = Adapters.create(model, ALL, 1)) {
        for (int i = 0; i < first.size(); i++) {
          assertThat(again.parameters().get(i).value().toFloats()).containsExactly(first.get(i));
        }
      }
      try (Adapters other = Adapters.create(model, ALL, 2)) {
        assertThat(other.parameters().get(0).value().toFloats()).isNotEqualTo(first.get(0));
      }
    }
  }

  @Test
  void mergedModelComputesWhatTheAdapterDid() throws IOException {
    for (boolean tied : new boolean[] {false, true}) {
      for (LoraConfig config :
          List.of(
              ALL,
              ALL.withRsLora(true),
              TABLE,
              ALL.withModulesToSave(List.of("embed_tokens", "lm_head")),
              ALL.withModulesToSave(List.of("lm_head")))) {
        try (Decoder model = TinyModel.create(backend, dir, tied)) {
          float[] plain = TinyModel.logits(model);
          Adapters adapters = Adapters.create(model, config, 3);
          train(model, adapters, 3);
          float[] trained = TinyModel.logits(model);
          adapters.enabled(false);
          assertThat(TinyModel.logits(model)).containsExactly(plain);
          adapters.merge();
          float[] merged = TinyModel.logits(model);
          assertThat(trained).isNotEqualTo(plain);
          for (int i = 0; i < merged.length; i++) {
            assertThat(merged[i]).as(config + " " + tied).isCloseTo(trained[i], within(2e-5f));
          }
        }
      }
    }
  }

  @Test
  void savedAndOpenedAdapterHasTheSameBits() throws IOException {
    for (LoraConfig config : List.of(ALL, TABLE, ALL.withModulesToSave(List.of("lm_head")))) {
      Path saved = dir.resolve("adapter");
      float[] trained;
      List<float[]> values = new ArrayList<>();
      try (Decoder model = TinyModel.create(backend, dir, true);
          Adapters adapters = Adapters.create(model, config, 3)) {
        train(model, adapters, 2);
        adapters.save(saved, "tiny");
        trained = TinyModel.logits(model);
        adapters.parameters().forEach(p -> values.add(p.value().toFloats()));
      }
      try (Decoder model = TinyModel.create(backend, dir, true);
          Adapters adapters = Adapters.open(model, saved, true)) {
        assertThat(TinyModel.logits(model)).containsExactly(trained);
        for (int i = 0; i < values.size(); i++) {
          assertThat(adapters.parameters().get(i).value().toFloats())
              .containsExactly(values.get(i));
        }
      }
    }
  }

  @Test
  void olderAdaptersAreMergedAndTheLastIsTrainedOn() throws IOException {
    Path one = dir.resolve("one");
    Path two = dir.resolve("two");
    float[] both;
    try (Decoder model = TinyModel.create(backend, dir, false)) {
      Adapters first = Adapters.create(model, ALL, 1);
      train(model, first, 2);
      first.save(one, "tiny");
      first.merge();
      try (Adapters second = Adapters.create(model, ALL, 2)) {
        train(model, second, 2);
        second.save(two, "tiny");
        both = TinyModel.logits(model);
      }
    }
    try (Decoder model = TinyModel.create(backend, dir, false);
        Adapters resumed = Adapters.resume(model, List.of(one, two))) {
      assertThat(TinyModel.logits(model)).containsExactly(both);
      assertThat(resumed.parameters()).allMatch(Parameter::isTrainable);
    }
  }

  @Test
  void frozenParametersNeverGetAGradientAndStepsTakeNoMemory() throws IOException {
    try (Decoder model = TinyModel.create(backend, dir, true);
        Adapters adapters =
            Adapters.create(model, ALL.withModulesToSave(List.of("embed_tokens")), 3)) {
      train(model, adapters, 2);
      long before = backend.memory().systemAllocations();
      train(model, adapters, 3);
      assertThat(backend.memory().systemAllocations()).isEqualTo(before);
      TinyModel.backward(model);
      assertThat(adapters.parameters()).allMatch(p -> p.value().grad() != null);
      for (Parameter p : model.parameters().values()) {
        if (!adapters.parameters().contains(p)) {
          assertThat(p.value().grad()).as(p.name()).isNull();
        }
      }
    }
  }

  @Test
  void sixteenBitWeightsKeepTheirTypeWhenMerged() throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      for (Parameter p : model.parameters().values()) {
        if (p.value().shape().rank() == 2) {
          Tensor narrow = scope.empty(DType.BF16, p.value().shape().dims());
          backend.copy(p.value(), narrow);
          p.value(narrow);
        }
      }
      Adapters adapters = Adapters.create(model, ALL, 3);
      train(model, adapters, 2);
      adapters.merge();
      Parameter q = model.linears().get("model.layers.0.self_attn.q_proj").weight();
      assertThat(q.value().dtype()).isEqualTo(DType.BF16);
    }
  }

  @Test
  void unknownNamesAreErrors() throws IOException {
    try (Decoder model = TinyModel.create(backend, dir, false)) {
      assertThatThrownBy(
              () -> Adapters.create(model, LoraConfig.of(4, 8, Targets.of(List.of("q_prj"))), 1))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("got q_prj. Did you mean q_proj?");
      assertThatThrownBy(() -> Adapters.create(model, ALL.withModulesToSave(List.of("lm_haed")), 1))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("Did you mean lm_head?");
      assertThat(model.linears().values()).allMatch(l -> l.adapter().isEmpty());
    }
  }

  @Test
  void adapterOfAnotherKindOrModelIsRefused() throws IOException {
    Path saved = dir.resolve("adapter");
    try (Decoder model = TinyModel.create(backend, dir, false)) {
      try (Adapters adapters = Adapters.create(model, ALL, 1)) {
        adapters.save(saved, "tiny");
        assertThatThrownBy(() -> Adapters.create(model, ALL, 1))
            .isInstanceOf(IllegalStateException.class);
      }
      refused(model, saved, "\"use_dora\" : false", "\"use_dora\" : true", "magnitude_vector");
      refused(model, saved, "\"LORA\"", "\"VERA\"", "not supported yet: peft_type");
      refused(model, saved, "\"LORA\"", "\"OFT\"", "not supported yet: ");
      refused(
          model,
          saved,
          "\"init_lora_weights\" : true",
          "\"init_lora_weights\" : \"corda\"",
          "expected true, pissa, pissa_niter_N or loftq, got");
      refused(model, saved, "\"bias\" : \"none\"", "\"bias\" : \"all\"", "not supported yet: bias");
      refused(model, saved, "\"r\" : 4", "\"r\" : 0", "r: expected a whole number above 0");
      refused(model, saved, "\"r\" : 4", "\"r\" : 5", "wrong shape: expected [5,");
      refused(model, saved, "\"q_proj\",", "", "tensors that fit nowhere");
      refused(model, saved, "{", "[", "not valid JSON");
      Files.delete(saved.resolve("adapter_model.safetensors"));
      assertThatThrownBy(() -> Adapters.open(model, saved, false))
          .isInstanceOf(FormatException.class);
      assertThatThrownBy(() -> Adapters.open(model, dir.resolve("none"), false))
          .hasMessageContaining("not an adapter");
      assertThat(model.linears().values()).allMatch(l -> l.adapter().isEmpty());
    }
  }

  private static void refused(Decoder model, Path saved, String text, String with, String message)
      throws IOException {
    Path file = saved.resolve("adapter_config.json");
    String whole = Files.readString(file);
    assertThat(whole).contains(text);
    Files.writeString(file, whole.replaceFirst(java.util.regex.Pattern.quote(text), with));
    assertThatThrownBy(() -> Adapters.open(model, saved, false))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(message);
    Files.writeString(file, whole);
  }

  static void train(Decoder model, Adapters adapters, int steps) {
    try (Scope run = new Scope(model.backend(), "optimizer")) {
      List<ParameterGroup> groups = ParameterGroup.byName(adapters.parameters(), 0.01);
      AdamW optimizer = new AdamW(run, groups, 0.9, 0.999, 1e-8);
      for (int i = 0; i < steps; i++) {
        TinyModel.backward(model);
        optimizer.step(0.02, 1);
        Gradients.release(adapters.parameters());
      }
    }
  }
}
