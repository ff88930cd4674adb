package llmengine.train.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.tokenizer.GgufTokenizer;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.file.GgufFile;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.train.TrainException;
import llmengine.train.checkpoint.WeightFiles;
import llmengine.train.config.RunConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** GGUF files that export writes are read back as the model and tokenizer they were. */
class GgufExportTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path BASE = Path.of("../examples/quickstart-model/base");
  private static final String LLAMA3 =
      "'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,"
          + " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 64}";

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "llama |",
        "llama | 'attention_bias': true, 'mlp_bias': true, 'tie_word_embeddings': false",
        "llama | 'rope_theta': 500000.0, " + LLAMA3,
        "llama | 'rope_scaling': {'rope_type': 'linear', 'factor': 2.0}",
        "llama | 'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0,"
            + " 'original_max_position_embeddings': 32, 'attention_factor': 1.3}",
        "mistral | 'sliding_window': 8",
        "qwen2 |",
        "qwen3 | 'head_dim': 16",
        "gemma2 | 'head_dim': 16, 'sliding_window': 8, 'query_pre_attn_scalar': 16,"
            + " 'attn_logit_softcapping': 50.0, 'final_logit_softcapping': 30.0",
        "gemma2 | 'head_dim': 16, 'sliding_window': 8, 'query_pre_attn_scalar': 24,"
            + " 'attn_logit_softcapping': 50.0, 'final_logit_softcapping': 30.0",
        "gemma3_text | 'head_dim': 16, 'sliding_window': 8, 'query_pre_attn_scalar': 16,"
            + " 'rope_theta': 1000000.0, 'num_hidden_layers': 6",
        "phi3 | 'original_max_position_embeddings': 4096",
      })
  void familyIsReadBack(String family, String more) throws IOException {
    Path model = model(family, more);
    Export export = export(model, "export_gguf_type=f32");
    assertThat(export.check().orElseThrow().positions()).isGreaterThan(40);
    assertThat(export.check().orElseThrow().largest()).isLessThan(2e-4);
    Path file = export.folder().resolve("model-F32.gguf");
    try (Pretrained source = Pretrained.open(model);
        Pretrained written = Pretrained.open(file)) {
      assertThat(written.spec())
          .usingRecursiveComparison()
          .withComparatorForType(
              (a, b) -> Math.abs(a - b) < 1e-4 * Math.abs(b) ? 0 : 1, Double.class)
          .withComparatorForType(
              (a, b) -> Math.abs(a - b) < 1e-6 * Math.abs(b) + 1e-12 ? 0 : 1, Float.class)
          .ignoringFields("qkvBias", "outputBias", "context")
          .isEqualTo(source.spec());
    }
  }

  @Test
  void tokenizerIsReadBack() throws IOException {
    Path model = model("llama", "");
    Path file = export(model).folder().resolve("model-F16.gguf");
    HuggingFaceTokenizer source = HuggingFaceTokenizer.load(model);
    try (GgufFile gguf = GgufFile.open(file)) {
      HuggingFaceTokenizer read = GgufTokenizer.fromMetadata("file", gguf.metadata());
      for (String text :
          List.of(
              "Hello, world! 1234 times",
              "  two  spaces\n\n\tand tabs ",
              "<|im_start|>user\nWhat's up?<|im_end|>",
              "Grüße, 世界 🚀",
              "def f(x):\n    return x**2  # é")) {
        assertThat(read.encode(text)).isEqualTo(source.encode(text));
      }
      assertThat(read.eosId()).isPresent();
      assertThat(read.chatTemplate()).isPresent();
      assertThat(gguf.metadata()).containsEntry("tokenizer.ggml.pre", "smollm");
    }
  }

  @ParameterizedTest
  @CsvSource({"q8_0, 0.15", "q4_k_m, 0.6", "q6_k, 0.25", "bf16, 0.1"})
  void quantizedFilesStayWithinTheirBound(String type, double bound) throws IOException {
    Export export =
        export(
            model("llama", "'hidden_size': 256, 'initializer_range': 0.06"),
            "export_gguf_type=" + type);
    assertThat(export.check().orElseThrow().bound()).isEqualTo(bound);
    assertThat(export.check().orElseThrow().holds()).isTrue();
    try (GgufFile gguf = GgufFile.open(export.folder().resolve(export.files().getFirst()))) {
      assertThat(gguf.tensor("blk.0.attn_norm.weight").type().name()).isEqualTo("F32");
      assertThat(gguf.tensor("blk.0.attn_q.weight").type().name())
          .isEqualTo(type.equals("q4_k_m") ? "Q4_K" : type.toUpperCase(java.util.Locale.ROOT));
    }
  }

  @Test
  void onlyAnEarlierExportIsOverwritten() throws IOException {
    Path model = model("llama", "");
    Path target = folder.resolve("named.gguf");
    assertThat(run(model, target).files()).containsExactly("named.gguf");
    assertThat(run(model, target).files()).containsExactly("named.gguf");
    Files.writeString(target, "mine");
    assertThatThrownBy(() -> run(model, target))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("would overwrite");
    assertThat(target).hasContent("mine");
  }

  @Test
  void whatLlamaCppLacksIsRefused() throws IOException {
    Path qwen = model("qwen2", "'use_sliding_window': true, 'max_window_layers': 1");
    assertThatThrownBy(() -> export(qwen))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("use_sliding_window");
  }

  private Export export(Path model, String... more) {
    return run(model, folder.resolve("out"), more);
  }

  private static Export run(Path model, Path target, String... more) {
    List<String> words = new ArrayList<>();
    words.add("model_name_or_path=" + model);
    words.add("template=chatml");
    words.add("export_format=gguf");
    words.add("export_dir=" + target);
    words.addAll(List.of(more));
    return Export.run(RunConfig.forExport(words), line -> {});
  }

  /** A model with the quickstart's tokenizer and random weights. */
  private Path model(String family, String more) throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    for (String file : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
      Files.copy(BASE.resolve(file), model.resolve(file));
    }
    ObjectNode config =
        (ObjectNode)
            JSON.readTree(
                """
                {"vocab_size": 2048, "hidden_size": 64, "intermediate_size": 96,
                 "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
                 "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "initializer_range": 0.2,
                 "tie_word_embeddings": true, "rope_theta": 10000.0, "torch_dtype": "float32"}
                """);
    config.put("model_type", family);
    if (family.startsWith("gemma")) {
      config.put("hidden_activation", "gelu_pytorch_tanh");
    }
    if (more != null && !more.isBlank()) {
      config.setAll((ObjectNode) JSON.readTree("{" + more.replace('\'', '"') + "}"));
    }
    JSON.writeValue(model.resolve("config.json").toFile(), config);
    try (Backend backend = new VectorBackend();
        Pretrained files = Pretrained.open(model);
        Decoder fresh = files.fromScratch(backend, 1)) {
      WeightFiles.writeModel(model, fresh, DType.F32, Long.MAX_VALUE);
    }
    return model;
  }
}
