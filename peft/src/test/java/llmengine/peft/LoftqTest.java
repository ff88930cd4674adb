package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds of an adapter that LoftQ started. */
class LoftqTest {
  private static final LoraConfig LORA = LoraConfig.of(3, 6, new Targets.All());

  @TempDir private Path dir;
  private final Backend backend = TestBackends.create();

  @AfterEach
  void memoryIsGivenBack() {
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  private static LoraConfig rounds(int count) {
    return LORA.withStart(new LoraStart.Loftq(count));
  }

  static Stream<Arguments> configs() {
    return Stream.of(
        Arguments.of("one round", rounds(1)),
        Arguments.of("four rounds", rounds(4)),
        Arguments.of("rsLoRA", rounds(2).withRsLora(true)),
        Arguments.of("DoRA", rounds(2).withDora(true)),
        Arguments.of("head saved", rounds(2).withModulesToSave(List.of("lm_head"))),
        Arguments.of(
            "patterns",
            rounds(3)
                .withPatterns(Map.of("q_proj", 2, "layers.1.*up_proj", 7), Map.of("k_proj", 3.0))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("configs")
  void theStartIsCloserToTheWeightThanItsRoundingIs(String name, LoraConfig config)
      throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      Map<String, Double> rounded = new LinkedHashMap<>();
      Map<String, float[]> weights = new LinkedHashMap<>();
      for (Linear l : model.linears().values()) {
        Tensor w = l.weight().value();
        weights.put(l.name(), w.toFloats());
        rounded.put(
            l.name(), distance(w.toFloats(), floats(LoftqSplit.NF4.quantize(scope, "", w))));
      }
      float[] plain = TinyModel.logits(model);
      try (Adapters adapters = Adapters.create(model, config, 1)) {
        assertThat(adapters.changesBase()).isTrue();
        for (Linear l : model.linears().values()) {
          AdapterLayer layer = adapters.layers.get(l.name());
          if (layer == null) {
            continue;
          }
          Tensor q = l.weight().value();
          assertThat(q.packing().name()).isEqualTo("nf4");
          float[] w = weights.get(l.name());
          double start = distance(w, layer.merged(scope, q).toFloats());
          assertThat(start).as(l.name()).isLessThan(distance(w, floats(q)));
          assertThat(start).as(l.name()).isLessThan(rounded.get(l.name()));
        }
        adapters.enabled(false);
        assertThat(TinyModel.logits(model)).containsExactly(plain);
      }
      assertThat(TinyModel.logits(model)).containsExactly(plain);
    }
  }

  @Test
  void moreRoundsAreNeverWorseAndSomeAreBetter() throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      Map<String, Double> first = new LinkedHashMap<>();
      Map<String, Double> last = new LinkedHashMap<>();
      for (int count = 1; count <= 6; count++) {
        Map<String, float[]> starts = new LinkedHashMap<>();
        try (Adapters adapters = Adapters.create(model, rounds(count), 1)) {
          adapters.layers.forEach(
              (name, layer) ->
                  starts.put(
                      name,
                      layer.merged(scope, model.linears().get(name).weight().value()).toFloats()));
        }
        starts.forEach(
            (name, start) -> {
              double now = distance(model.linears().get(name).weight().value().toFloats(), start);
              // the error is compared in float32 before A and B are divided by the scale
              assertThat(now).as(name).isLessThanOrEqualTo(last.getOrDefault(name, 1e9) + 1e-5);
              last.put(name, now);
              first.putIfAbsent(name, now);
            });
      }
      assertThat(first).isNotEmpty();
      assertThat(first.keySet()).anyMatch(name -> last.get(name) < 0.97 * first.get(name));
    }
  }

  @Test
  void oneRoundRoundsAsQuantizedLoadingDoes() throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      Map<String, float[]> expected = new LinkedHashMap<>();
      for (Linear l : model.linears().values()) {
        expected.put(l.name(), floats(LoftqSplit.NF4.quantize(scope, "", l.weight().value())));
      }
      try (Adapters adapters = Adapters.create(model, rounds(1), 1)) {
        for (String name : adapters.layers.keySet()) {
          assertThat(floats(model.linears().get(name).weight().value()))
              .containsExactly(expected.get(name));
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("configs")
  void openedAgainItHasTheSameBitsAndGoesOn(String name, LoraConfig config) throws IOException {
    Path saved = dir.resolve("adapter");
    float[] trained;
    float[] further;
    try (Decoder model = TinyModel.create(backend, dir, false);
        Adapters adapters = Adapters.create(model, config, 3)) {
      float[] start = TinyModel.logits(model);
      AdaptersTest.train(model, adapters, 2);
      adapters.save(saved, "tiny");
      trained = TinyModel.logits(model);
      assertThat(trained).isNotEqualTo(start);
      AdaptersTest.train(model, adapters, 2);
      further = TinyModel.logits(model);
    }
    try (Decoder model = TinyModel.create(backend, dir, false);
        Adapters adapters = Adapters.open(model, saved, true)) {
      assertThat(adapters.config()).isEqualTo(config.withPlacement(adapters.config().placement()));
      assertThat(TinyModel.logits(model)).containsExactly(trained);
      AdaptersTest.train(model, adapters, 2);
      assertThat(TinyModel.logits(model)).containsExactly(further);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("configs")
  void mergedModelComputesWhatTheAdapterDidInTheModelsDtype(String name, LoraConfig config)
      throws IOException {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      try (Scope scope = new Scope(backend, "test");
          Decoder model = TinyModel.create(backend, dir, false)) {
        for (Parameter p : model.parameters().values()) {
          if (p.value().shape().rank() == 2 && dtype != DType.F32) {
            Tensor narrow = scope.empty(dtype, p.value().shape().dims());
            backend.copy(p.value(), narrow);
            p.value(narrow);
          }
        }
        Adapters adapters = Adapters.create(model, config, 3);
        AdaptersTest.train(model, adapters, 3);
        float[] trained = TinyModel.logits(model);
        adapters.merge();
        float[] merged = TinyModel.logits(model);
        float largest = 0;
        for (float v : trained) {
          largest = Math.max(largest, Math.abs(v));
        }
        float bound = dtype == DType.F32 ? 5e-5f : 0.1f * largest;
        for (int i = 0; i < merged.length; i++) {
          assertThat(merged[i]).as("logit %d", i).isCloseTo(trained[i], within(bound));
        }
        for (Linear l : model.linears().values()) {
          assertThat(l.weight().value().dtype()).isEqualTo(dtype);
        }
      }
    }
  }

  @Test
  void whatCannotBeSplitIsRefused() throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      refused(
          model,
          rounds(2).withPatterns(Map.of("k_proj", 5), Map.of()),
          "loftq_init needs as many singular directions as the rank: expected at most 4, got"
              + " lora_rank 5");
      LoraConfig head = LoraConfig.of(2, 4, Targets.of(List.of("q_proj", "lm_head")));
      refused(model, head.withStart(new LoraStart.Loftq(1)), "loftq_init: expected layers");
      try (Adapters adapters = Adapters.create(model, rounds(1), 1)) {
        assertThatThrownBy(() -> adapters.saveConverted(dir.resolve("converted"), "tiny"))
            .isInstanceOf(IllegalStateException.class);
      }
      for (Linear l : model.linears().values()) {
        l.weight().value(LoftqSplit.NF4.quantize(scope, l.name(), l.weight().value()));
      }
      refused(
          model, rounds(1), "loftq_init on a quantized weight: expected a float dtype, got nf4");
    }
  }

  private static void refused(Decoder model, AdapterConfig config, String message) {
    assertThatThrownBy(() -> Adapters.create(model, config, 1))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(message);
    assertThat(model.linears().values()).allMatch(l -> l.adapter().isEmpty());
    assertThat(model.linears().values())
        .allMatch(l -> l.weight().value().dtype() == DType.F32 || message.contains("nf4"));
  }

  @Test
  void settingsAreStoredAsPeftStoresThem() throws IOException {
    Path saved = dir.resolve("adapter");
    try (Decoder model = TinyModel.create(backend, dir, false);
        Adapters adapters = Adapters.create(model, rounds(5), 3)) {
      adapters.save(saved, "tiny");
    }
    Path file = saved.resolve("adapter_config.json");
    assertThat(Shared.json(file).path("init_lora_weights").asText()).isEqualTo("loftq");
    assertThat(Shared.json(file).path("loftq_config").toString())
        .isEqualTo("{\"loftq_bits\":4,\"loftq_iter\":5}");
    String text = Files.readString(file);
    try (Decoder model = TinyModel.create(backend, dir, false)) {
      Files.writeString(file, text.replaceFirst("\"loftq_bits\" : 4", "\"loftq_bits\" : 2"));
      assertThatThrownBy(() -> Adapters.open(model, saved, false))
          .hasMessageContaining("loftq_config.loftq_bits: expected 4, got 2");
      Files.writeString(file, text.replaceFirst("\"loftq_iter\" : 5", "\"loftq_iter\" : 0"));
      assertThatThrownBy(() -> Adapters.open(model, saved, false))
          .hasMessageContaining("loftq_config.loftq_iter: expected a whole number above 0, got 0");
    }
  }

  private float[] floats(Tensor packed) {
    try (Scope scope = new Scope(backend, "test")) {
      Tensor wide = scope.empty(DType.F32, packed.rows(), packed.cols());
      backend.copy(packed, wide);
      return wide.toFloats();
    }
  }

  private static double distance(float[] a, float[] b) {
    double squares = 0;
    for (int i = 0; i < a.length; i++) {
      squares += (a[i] - (double) b[i]) * (a[i] - (double) b[i]);
    }
    return Math.sqrt(squares);
  }
}
