package llmengine.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
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

/** What holds of every kind of adapter. */
class MethodsTest {
  private static final LoraConfig LORA = LoraConfig.of(4, 8, new Targets.All());
  private static final LoraStart EXACT = new LoraStart.Pissa(LoraStart.Pissa.EXACT);
  private static final LoraStart FAST = new LoraStart.Pissa(4);

  @TempDir private Path dir;
  private final Backend backend = TestBackends.create();

  @AfterEach
  void memoryIsGivenBack() {
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  static Stream<Arguments> methods() {
    Placement all = Placement.of(new Targets.All());
    return Stream.of(
        Arguments.of("dora", LORA.withDora(true)),
        Arguments.of("dora, rsLoRA", LORA.withDora(true).withRsLora(true)),
        Arguments.of("dora, head saved", LORA.withDora(true).withModulesToSave(List.of("lm_head"))),
        Arguments.of("pissa", LORA.withStart(EXACT)),
        Arguments.of("pissa, fast", LORA.withStart(FAST)),
        Arguments.of("pissa, rsLoRA", LORA.withStart(EXACT).withRsLora(true)),
        Arguments.of("pissa and dora", LORA.withStart(FAST).withDora(true)),
        Arguments.of(
            "pissa, patterns",
            LORA.withStart(EXACT)
                .withPatterns(Map.of("q_proj", 2, "layers.1.*up_proj", 7), Map.of("k_proj", 3.0))),
        Arguments.of("oft by size", new OftConfig(0, 5, 0, 5, all)),
        Arguments.of("oft by number", new OftConfig(3, 0, 0, 5, all)),
        Arguments.of("oft, exact inverse", new OftConfig(0, 4, 0, 0, all)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("methods")
  void startsAsTheModelAndGoesBackToIt(String name, AdapterConfig config) throws IOException {
    try (Decoder model = TinyModel.create(backend, dir, true)) {
      float[] plain = TinyModel.logits(model);
      try (Adapters adapters = Adapters.create(model, config, 1)) {
        close(TinyModel.logits(model), plain, 2e-5f);
        AdaptersTest.train(model, adapters, 3);
        float[] trained = TinyModel.logits(model);
        assertThat(largest(trained, plain)).isGreaterThan(1e-3f);
        adapters.enabled(false);
        assertThat(TinyModel.logits(model)).containsExactly(plain);
        adapters.enabled(true);
        assertThat(TinyModel.logits(model)).containsExactly(trained);
      }
      assertThat(TinyModel.logits(model)).containsExactly(plain);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("methods")
  void mergedModelComputesWhatTheAdapterDid(String name, AdapterConfig config) throws IOException {
    for (boolean tied : new boolean[] {false, true}) {
      try (Decoder model = TinyModel.create(backend, dir, tied)) {
        Adapters adapters = Adapters.create(model, config, 3);
        AdaptersTest.train(model, adapters, 3);
        float[] trained = TinyModel.logits(model);
        adapters.merge();
        close(TinyModel.logits(model), trained, 5e-5f);
      }
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("methods")
  void openedAgainItHasTheSameBitsAndGoesOn(String name, AdapterConfig config) throws IOException {
    Path saved = dir.resolve("adapter");
    float[] trained;
    float[] further;
    try (Decoder model = TinyModel.create(backend, dir, false);
        Adapters adapters = Adapters.create(model, config, 3)) {
      AdaptersTest.train(model, adapters, 2);
      adapters.save(saved, "tiny");
      trained = TinyModel.logits(model);
      AdaptersTest.train(model, adapters, 2);
      further = TinyModel.logits(model);
    }
    try (Decoder model = TinyModel.create(backend, dir, false);
        Adapters adapters = Adapters.open(model, saved, true)) {
      assertThat(TinyModel.logits(model)).containsExactly(trained);
      assertThat(adapters.parameters()).allMatch(Parameter::isTrainable);
      AdaptersTest.train(model, adapters, 2);
      assertThat(TinyModel.logits(model)).containsExactly(further);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("methods")
  void sixteenBitWeightsKeepTheirType(String name, AdapterConfig config) throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      for (Parameter p : model.parameters().values()) {
        if (p.value().shape().rank() == 2) {
          Tensor narrow = scope.empty(DType.BF16, p.value().shape().dims());
          backend.copy(p.value(), narrow);
          p.value(narrow);
        }
      }
      Adapters adapters = Adapters.create(model, config, 3);
      AdaptersTest.train(model, adapters, 3);
      float[] trained = TinyModel.logits(model);
      adapters.merge();
      close(TinyModel.logits(model), trained, 0.1f * norm(trained));
      for (Linear l : model.linears().values()) {
        assertThat(l.weight().value().dtype()).isEqualTo(DType.BF16);
      }
    }
  }

  @Test
  void convertedPissaAdapterIsThePissaModel() throws IOException {
    for (LoraConfig config :
        List.of(
            LORA.withStart(EXACT),
            LORA.withStart(FAST).withRsLora(true),
            LORA.withStart(FAST).withDora(true),
            LORA.withStart(EXACT).withModulesToSave(List.of("lm_head")),
            LORA.withStart(EXACT).withPatterns(Map.of("q_proj", 2), Map.of("k_proj", 3.0)))) {
      Path converted = dir.resolve("converted");
      Path start = dir.resolve("start");
      float[] trained;
      try (Decoder model = TinyModel.create(backend, dir, false);
          Adapters adapters = Adapters.create(model, config, 3)) {
        adapters.saveStart(start, "tiny");
        AdaptersTest.train(model, adapters, 3);
        trained = TinyModel.logits(model);
        adapters.saveConverted(converted, "tiny");
      }
      try (Decoder model = TinyModel.create(backend, dir, false)) {
        float[] plain = TinyModel.logits(model);
        try (Adapters adapters = Adapters.open(model, converted, false)) {
          assertThat(adapters.changesBase()).isFalse();
          close(TinyModel.logits(model), trained, 5e-5f);
        }
        assertThat(TinyModel.logits(model)).containsExactly(plain);
      }
      assertThat(Files.readString(start.resolve("adapter_config.json")))
          .contains("\"init_lora_weights\" : true");
    }
  }

  @Test
  void quantizedWeightsTakeDoraAndOft() throws IOException {
    List<AdapterConfig> fitting =
        List.of(
            LORA, LORA.withDora(true), new OftConfig(0, 4, 0, 5, Placement.of(new Targets.All())));
    for (AdapterConfig config : fitting) {
      try (Scope scope = new Scope(backend, "test");
          Decoder model = TinyModel.create(backend, dir, false)) {
        pack(model, scope, "nf4");
        float[] plain = TinyModel.logits(model);
        try (Adapters adapters = Adapters.create(model, config, 3)) {
          close(TinyModel.logits(model), plain, 2e-5f);
          AdaptersTest.train(model, adapters, 3);
          float[] trained = TinyModel.logits(model);
          assertThat(largest(trained, plain)).isGreaterThan(1e-3f);
          adapters.enabled(false);
          assertThat(TinyModel.logits(model)).containsExactly(plain);
          assertThatThrownBy(adapters::merge)
              .isInstanceOf(FormatException.class)
              .hasMessageContaining("can't be merged into a quantized model");
        }
      }
    }
  }

  @Test
  void whatPeftCannotLoadOrQuantizedWeightsCannotHoldIsRefused() throws IOException {
    try (Scope scope = new Scope(backend, "test");
        Decoder model = TinyModel.create(backend, dir, false)) {
      refused(
          model,
          LORA.withStart(EXACT).withPatterns(Map.of("k_proj", 5), Map.of()),
          "expected at most 4, got lora_rank 5");
      LoraConfig head = LoraConfig.of(2, 4, Targets.of(List.of("q_proj", "lm_head")));
      refused(model, head.withStart(FAST), "got lm_head");
      LoraConfig table = LoraConfig.of(2, 4, Targets.of(List.of("embed_tokens")));
      refused(model, table.withDora(true), "got the token table");
      refused(model, new OftConfig(0, 4, 0, 5, table.placement()), "got the token table");
      assertThatThrownBy(() -> new OftConfig(4, 4, 0, 5, LORA.placement()))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("the other 0, got 4 and 4");
      pack(model, scope, "gptq");
      refused(model, LORA.withDora(true), "PEFT knows no DoRA on the others");
      refused(model, LORA.withStart(EXACT), "pissa_init on a quantized weight");
    }
  }

  private static void refused(Decoder model, AdapterConfig config, String message) {
    assertThatThrownBy(() -> Adapters.create(model, config, 1))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(message);
    assertThat(model.linears().values()).allMatch(l -> l.adapter().isEmpty());
  }

  @Test
  void adapterOfAModelOfAnotherSizeIsAnError() throws IOException {
    Path saved = dir.resolve("adapter");
    List<AdapterConfig> configs = new ArrayList<>(List.of(LORA.withDora(true)));
    configs.add(new OftConfig(0, 4, 0, 5, Placement.of(new Targets.All())));
    for (AdapterConfig config : configs) {
      try (Decoder model = TinyModel.create(backend, dir, false);
          Adapters adapters = Adapters.create(model, config, 3)) {
        adapters.save(saved, "tiny");
      }
      try (Decoder wider = TinyModel.create(backend, dir, false, 24)) {
        assertThatThrownBy(() -> Adapters.open(wider, saved, false))
            .isInstanceOf(FormatException.class)
            .hasMessageContaining("Does the file belong to this model?");
      }
    }
  }

  @Test
  void oftBlocksAreTheNearestDivisor() {
    Placement all = Placement.of(new Targets.All());
    assertThat(new OftConfig(0, 32, 0, 5, all).blockOf(112)).isEqualTo(28);
    assertThat(new OftConfig(0, 32, 0, 5, all).blockOf(64)).isEqualTo(32);
    assertThat(new OftConfig(0, 100, 0, 5, all).blockOf(64)).isEqualTo(64);
    assertThat(new OftConfig(0, 5, 0, 5, all).blockOf(24)).isEqualTo(4);
    assertThat(new OftConfig(5, 0, 0, 5, all).blockOf(24)).isEqualTo(6);
    assertThat(new OftConfig(5, 0, 0, 5, all).parametersOf(24)).isEqualTo(60);
  }

  /** Replaces the blocks' matrices by packed ones of the same values. */
  private void pack(Decoder model, Scope scope, String name) {
    for (Linear l : model.linears().values()) {
      l.weight().value(scope.pack(new Packed(name, l.weight().value())));
    }
  }

  /** A packing that packs nothing. */
  private record Packed(String name, int rows, int cols, float[] values) implements Packing {
    Packed(String name, Tensor of) {
      this(name, of.rows(), of.cols(), of.toFloats());
    }

    @Override
    public List<Tensor> parts() {
      return List.of();
    }

    @Override
    public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
      for (int r = 0; r < rows; r++) {
        System.arraycopy(values, (row + r) * this.cols + col, to, at + r * stride, cols);
      }
    }
  }

  private static float norm(float[] values) {
    float largest = 0;
    for (float v : values) {
      largest = Math.max(largest, Math.abs(v));
    }
    return largest;
  }

  private static float largest(float[] a, float[] b) {
    float largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
    return largest;
  }

  private static void close(float[] got, float[] expected, float bound) {
    assertThat(got).hasSameSizeAs(expected);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).as("logit %d", i).isCloseTo(expected[i], within(bound));
    }
  }
}
