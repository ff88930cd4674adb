package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.file.SafetensorsFile;
import llmengine.train.checkpoint.JsonFiles;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The quickstart's model quantized: a trained model, in which inputs depend on each other. */
class QuantizedExportTest {
  private static final Path MODEL = Path.of("../examples/quickstart-model/model");

  @TempDir private Path folder;
  private Path texts;
  private Path target;

  /** Texts as the quickstart's Generate writes them, some 300 tokens each. */
  @BeforeEach
  void copyTexts() throws IOException {
    texts = folder.resolve("texts.jsonl");
    target = folder.resolve("out");
    try (InputStream in = QuantizedExportTest.class.getResourceAsStream("texts.jsonl")) {
      Files.copy(in, texts);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gptq, 3, 128, export_quantization_desc_act=true",
    "gptq, 4, 32, export_quantization_desc_act=false",
    "awq, 4, 64, export_quantization_nsamples=24"
  })
  void predictsBetterThanRoundToNearest(String method, int bits, int groupSize, String more) {
    RunWords run =
        export(
            "export_quantization_bit=" + bits,
            "export_quantization_method=" + method,
            "export_quantization_group_size=" + groupSize,
            more);
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    assertThat(run.out()).contains("block     5 of 5", "as F16", "by round to nearest", "check");
    JsonNode report = JsonFiles.read(target.resolve("quantization_report.json"));
    JsonNode perplexity = report.path("perplexity");
    assertThat(perplexity.path("before").asDouble()).isGreaterThan(1);
    assertThat(perplexity.path("after").asDouble())
        .isLessThan(perplexity.path("round_to_nearest").asDouble());
    assertThat(report.path("bits_per_weight").asDouble()).isBetween((double) bits, bits + 0.7);
    JsonNode config = JsonFiles.read(target.resolve("config.json"));
    assertThat(config.path("torch_dtype").asText()).isEqualTo("float16");
    JsonNode quantization = config.path("quantization_config");
    assertThat(quantization.path("quant_method").asText()).isEqualTo(method);
    assertThat(quantization.path("bits").asInt()).isEqualTo(bits);
    assertThat(quantization.path("group_size").asInt()).isEqualTo(groupSize);
    try (SafetensorsFile file = SafetensorsFile.open(target.resolve("model.safetensors"))) {
      assertThat(file.tensors().keySet())
          .contains("model.layers.4.mlp.down_proj.qweight", "model.embed_tokens.weight")
          .doesNotContain("model.layers.4.mlp.down_proj.weight", "lm_head.qweight");
    }
  }

  @Test
  void sameTextsAndCodesEveryTime() throws IOException {
    export("export_quantization_bit=4", "export_quantization_nsamples=8");
    byte[] first = Files.readAllBytes(target.resolve("model.safetensors"));
    RunWords again = export("export_quantization_bit=4", "export_quantization_nsamples=8");
    assertThat(again.code()).as(again.err()).isEqualTo(ExitCode.OK);
    assertThat(Files.readAllBytes(target.resolve("model.safetensors"))).isEqualTo(first);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "export_quantization_bit=5 | expected 2, 3, 4 or 8 bits",
        "export_quantization_bit=4 adapter_name_or_path=x | not with adapters",
        "export_quantization_bit=3 export_quantization_method=awq | awq has 4 bits",
        "export_quantization_bit=4 export_quantization_method=awq export_quantization_damp=0.1 |"
            + " awq has no sym, desc_act and damp",
        "export_quantization_bit=4 export_quantization_method=awq | 64 or 32 or 16 or -1",
        "export_quantization_bit=4 export_quantization_dataset=none.jsonl | not found",
        "export_quantization_bit=4 export_quantization_dataset=../examples | files of one type",
        "export_quantization_bit=4"
            + " export_quantization_dataset=../examples/quickstart-data/tavi.json | column text",
        "export_quantization_bit=4 export_quantization_maxlen=500"
            + " export_quantization_dataset=../examples/quickstart-model/world.txt |"
            + " no row is long enough",
        "export_quantization_bit=4 export_quantization_maxlen=5000 | longer than the model",
        "export_quantization_bit=4 export_quantization_group_size=0 | no group",
        "export_quantization_bit=4 infer_dtype=bfloat16 | keep the rest in float16"
      })
  void badInputIsAUsageError(String words, String expected) {
    RunWords run = export(words.split(" "));
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains(expected).doesNotContain("defect");
    assertThat(target).doesNotExist();
  }

  @Test
  void datasetIsRequiredAndOtherCommandsRefuse() {
    String model = "model_name_or_path=" + MODEL;
    String bit = "export_quantization_bit=4";
    RunWords run = RunWords.of("export", model, "template=chatml", "export_dir=" + target, bit);
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("export_quantization_dataset");
    run = RunWords.of("chat", model, "template=chatml", bit, "export_quantization_dataset=x");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("belongs to export");
  }

  @Test
  void quantizedModelsAreNotQuantizedAgain() throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    try (var files = Files.list(MODEL)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    ObjectNode config = (ObjectNode) JsonFiles.read(model.resolve("config.json"));
    config.putObject("quantization_config").put("quant_method", "gptq").put("bits", 4);
    JsonFiles.write(model.resolve("config.json"), config, 2);
    RunWords run = export("export_quantization_bit=4", "model_name_or_path=" + model);
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("quantized already");
  }

  private RunWords export(String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "export",
                "model_name_or_path=" + MODEL,
                "template=chatml",
                "export_dir=" + target,
                "export_quantization_dataset=" + texts,
                "export_quantization_nsamples=24",
                "export_quantization_maxlen=64"));
    for (String word : more) {
      String key = word.substring(0, word.indexOf('=') + 1);
      words.removeIf(w -> w.startsWith(key));
      words.add(word);
    }
    return RunWords.of(words.toArray(String[]::new));
  }
}
