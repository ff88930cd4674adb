package llmengine.train.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What was written computes, when it is read again, what was in memory. */
class QuantizedFilesTest {
  private static final Path MODEL = Path.of("../examples/quickstart-model/model");

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bit=4",
        "bit=2 sym=false group_size=32",
        "bit=3 desc_act=true",
        "bit=8 sym=false group_size=-1 desc_act=true",
        "bit=4 method=awq group_size=64"
      })
  void readsBackAsItWas(String settings) throws IOException {
    Path texts = folder.resolve("texts.txt");
    Files.writeString(
        texts, "Once upon a time there was a small boat on the sea. ".repeat(6) + "\n");
    List<String> words =
        new ArrayList<>(
            List.of(
                "model_name_or_path=" + MODEL,
                "template=chatml",
                "export_dir=" + folder.resolve("out"),
                "export_quantization_dataset=" + texts,
                "export_quantization_nsamples=3",
                "export_quantization_maxlen=40"));
    Arrays.stream(settings.split(" ")).map(s -> "export_quantization_" + s).forEach(words::add);
    RunConfig config = RunConfig.forExport(words);
    Path out = Files.createDirectories(folder.resolve("out"));
    try (ModelSession session = ModelSession.open(config);
        Backend backend = new VectorBackend()) {
      List<int[]> prompts = ExportCheck.prompts(session);
      List<float[]> expected;
      try (Decoder model = session.load(backend)) {
        QuantizedExport export = QuantizedExport.of(config, session, line -> {});
        QuantizationReport report = export.quantize(model);
        assertThat(report.unseen()).isFalse(); // there is one row only
        export.write(out, model, 1_000_000);
        expected = ExportCheck.logits(model, prompts);
      }
      assertThat(backend.memory().used()).as("bytes still in use").isZero();
      try (Pretrained files = Pretrained.open(out);
          Decoder model = files.load(backend)) {
        List<float[]> actual = ExportCheck.logits(model, prompts);
        for (int p = 0; p < expected.size(); p++) {
          for (int i = 0; i < expected.get(p).length; i++) {
            assertThat(actual.get(p)[i]).isCloseTo(expected.get(p)[i], within(0.02f));
          }
        }
      }
    }
  }
}
