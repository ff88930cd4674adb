package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.file.Checkpoint;
import llmengine.nn.Decoder;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.ConfigException;
import llmengine.train.config.RunConfig;
import llmengine.train.export.Export;
import llmengine.train.model.ModelSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** New tokens, their rows, and noise on embeddings. */
class VocabularyTest {
  @TempDir private Path folder;
  private ShortRun tiny;
  private int known;
  private int grown;

  @BeforeEach
  void make() throws IOException {
    ShortRun wide = new ShortRun(folder.resolve("wide"));
    try (ModelSession session = ModelSession.open(wide.config("x"))) {
      known = session.tokenizer().vocabSize(); // every row of the model is a token's
    }
    grown = Math.ceilDiv(known + 1, 64) * 64;
    tiny = new ShortRun(folder.resolve("run"), known, 32);
  }

  @Test
  void newRowsAreTheMeanOfTheOthersAndNoise() {
    try (Backend backend = new VectorBackend();
        ModelSession session = ModelSession.open(tiny.config("x", "add_tokens=abc,xyz"));
        Decoder model = session.load(backend)) {
      assertThat(session.tokenizer().idOf("xyz")).isPresent();
      assertThat(session.tokenizer().encode("xyz")).hasSize(1);
      assertThat(model.spec().vocab()).isEqualTo(grown);
      float[] table = model.embedding().weight().value().toFloats();
      int width = model.spec().width();
      double squares = 0;
      for (int c = 0; c < width; c++) {
        double mean = 0;
        for (int r = 0; r < known; r++) {
          mean += table[r * width + c] / known;
        }
        for (int r = known; r < grown; r++) {
          squares += Math.pow(table[r * width + c] - mean, 2);
        }
      }
      double deviation = Math.sqrt(squares / (grown - known) / width);
      assertThat(deviation * Math.sqrt(width)).isCloseTo(1, within(0.1));
      assertThat(model.output().weight()).isSameAs(model.embedding().weight());
    }
  }

  @Test
  void describedTokensStartAsTheMeanOfTheirDescription() throws IOException {
    Path file = folder.resolve("tokens.yaml");
    Files.writeString(file, "\"<sea>\": blue water\n\"<none>\": \"<sea>\"\n");
    // new tokens come before the template's: this model has no row for either
    int stored = HuggingFaceTokenizer.load(tiny.model).vocabSize();
    ShortRun bare = new ShortRun(folder.resolve("bare"), stored, 32);
    for (String start : List.of("desc_init", "desc_init_w_noise")) {
      RunConfig config =
          bare.config("x", "new_special_tokens_config=" + file, "init_special_tokens=" + start);
      try (Backend backend = new VectorBackend();
          ModelSession session = ModelSession.open(config);
          Decoder model = session.load(backend);
          Scope scope = new Scope(backend, "test")) {
        HuggingFaceTokenizer tokenizer = session.tokenizer();
        int id = tokenizer.idOf("<sea>").getAsInt();
        assertThat(tokenizer.isSpecial(id)).isTrue();
        assertThat(id).isEqualTo(stored);
        int[] words = tokenizer.encode("blue water");
        float[] want = new float[model.spec().width()];
        Tensor row = scope.empty(DType.F32, 1, want.length);
        for (int word : words) {
          backend.copy(model.embedding().weight().value().rows(word, word + 1), row);
          float[] values = row.toFloats();
          for (int c = 0; c < want.length; c++) {
            want[c] += values[c] / words.length;
          }
        }
        backend.copy(model.embedding().weight().value().rows(id, id + 1), row);
        float[] got = row.toFloats();
        double distance = 0;
        for (int c = 0; c < want.length; c++) {
          distance += Math.pow(got[c] - want[c], 2);
        }
        if (start.equals("desc_init")) {
          assertThat(distance).isLessThan(1e-9);
        } else {
          assertThat(distance).isBetween(0.3, 3.0);
        }
      }
    }
  }

  @Test
  void anAdapterSavesTheGrownMatricesAndMergesIntoAGrownModel() throws IOException {
    String tokens = "add_special_tokens=<sea>,<sky>";
    tiny.run("out", "max_steps=2", tokens);
    Path adapter = tiny.output("out");
    try (Checkpoint saved = Checkpoint.open(adapter, "adapter_model")) {
      assertThat(saved.tensor("base_model.model.model.embed_tokens.weight").shape())
          .containsExactly(grown, 32);
      assertThat(saved.tensor("base_model.model.lm_head.weight").shape())
          .containsExactly(grown, 32);
    }
    Path merged = folder.resolve("merged");
    Export.run(
        RunConfig.forExport(
            List.of(
                "model_name_or_path=" + tiny.model,
                "adapter_name_or_path=" + adapter,
                "template=chatml",
                tokens,
                "export_dir=" + merged)));
    assertThat(JsonFiles.read(merged.resolve("config.json")).path("vocab_size").asInt())
        .isEqualTo(grown);
    assertThat(HuggingFaceTokenizer.load(merged).idOf("<sky>")).isPresent();
    try (Checkpoint model = Checkpoint.open(merged)) {
      assertThat(model.tensor("model.embed_tokens.weight").shape()).containsExactly(grown, 32);
    }
  }

  @Test
  void aWholeModelIsSavedWithItsNewTokens() throws IOException {
    tiny.run("out", "max_steps=1", "finetuning_type=full", "add_tokens=abc");
    RunConfig again =
        RunConfig.forInference(
            List.of("model_name_or_path=" + tiny.output("out"), "template=chatml"));
    try (Backend backend = new VectorBackend();
        ModelSession session = ModelSession.open(again);
        Decoder model = session.load(backend)) {
      assertThat(model.spec().vocab()).isEqualTo(grown);
      assertThat(session.tokenizer().encode("abc")).hasSize(1);
    }
  }

  @Test
  void descriptionsThatAreNoneAreNamedWithTheirLines() throws IOException {
    Path file = folder.resolve("tokens.yaml");
    for (Map.Entry<String, String> bad :
        Map.of(
                "<a>: text\n<b>: [x]\n", ":2 <b>: expected a description in words, got [x]",
                "", "expected lines token: description, got none",
                "- x\n", "not a configuration")
            .entrySet()) {
      Files.writeString(file, bad.getKey());
      assertThatThrownBy(
              () -> ModelSession.open(tiny.config("x", "new_special_tokens_config=" + file)))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(bad.getValue());
    }
    Files.delete(file);
    assertThatThrownBy(
            () -> ModelSession.open(tiny.config("x", "new_special_tokens_config=" + file)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("expected a readable YAML file");
  }

  @Test
  void noiseIsForTrainingOnly() {
    String[] words = {"max_steps=2", "learning_rate=0", "eval_dataset=more", "do_eval=true"};
    String[] noisy = java.util.Arrays.copyOf(words, 5);
    noisy[4] = "neftune_noise_alpha=5";
    tiny.run("plain", words);
    tiny.run("noisy", noisy);
    assertThat(tiny.values("noisy", "loss")).isNotEqualTo(tiny.values("plain", "loss"));
    assertThat(tiny.exists("noisy/eval_results.json") && tiny.exists("plain/eval_results.json"))
        .isTrue();
    assertThat(evalLoss("noisy")).isEqualTo(evalLoss("plain"));
  }

  private double evalLoss(String run) {
    return JsonFiles.read(tiny.output(run).resolve("eval_results.json"))
        .path("eval_loss")
        .asDouble();
  }
}
