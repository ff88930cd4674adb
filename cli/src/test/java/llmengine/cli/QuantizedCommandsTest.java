package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands with quantization_bit. */
class QuantizedCommandsTest {
  @TempDir private Path folder;
  private Path model;
  private Path data;

  @BeforeEach
  void make() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 512);
    data = TinyModel.writeData(folder.resolve("data"));
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void trainedOnPackedWeightsItTalksOnThem(int bits) {
    String bit = "quantization_bit=" + bits;
    Path out = folder.resolve("out");
    RunWords trained = train(bit, out);
    assertThat(trained.code()).as(trained.err()).isEqualTo(ExitCode.OK);
    assertThat(trained.out() + trained.err()).contains(bits == 4 ? "quant  nf4" : "quant  int8");

    String adapter = "adapter_name_or_path=" + out;
    String packed = chat(bit, adapter);
    assertThat(packed).isNotBlank().isEqualTo(chat(bit, adapter));
    assertThat(packed).isNotEqualTo(chat(bit)).isNotEqualTo(chat());

    RunWords export = run("export", bit, adapter, "export_dir=" + folder.resolve("merged"));
    assertThat(export.code()).isEqualTo(ExitCode.USAGE);
    assertThat(export.err()).contains("adapters can't be merged into a quantized model");
    assertThat(run("export", adapter, "export_dir=" + folder.resolve("merged")).code())
        .isEqualTo(ExitCode.OK);
  }

  @Test
  void aQuantizedCheckpointRefusesWhatQuantizationDoes() throws IOException {
    Path config = model.resolve("config.json");
    String text = Files.readString(config).strip();
    Files.writeString(
        config,
        text.substring(0, text.length() - 1)
            + ", \"quantization_config\": {\"quant_method\": \"bitsandbytes\"}}");
    RunWords full = train("finetuning_type=full", folder.resolve("out"));
    assertThat(full.code()).isNotEqualTo(ExitCode.OK);
    assertThat(full.err()).contains("a quantized model can only be trained by adapters");
    RunWords noted = train("quantization_bit=4", folder.resolve("out"));
    assertThat(noted.out() + noted.err())
        .contains("quantization_bit has no effect: the checkpoint is quantized");
  }

  private RunWords train(String word, Path out) {
    return run(
        "train",
        word,
        "stage=sft",
        "do_train=true",
        "dataset=talk",
        "dataset_dir=" + data,
        "cutoff_len=128",
        "max_steps=3",
        "learning_rate=0.05",
        "output_dir=" + out);
  }

  private String chat(String... more) {
    List<String> words = new ArrayList<>(List.of(more));
    words.addAll(List.of("temperature=0", "max_new_tokens=24"));
    RunWords said = RunWords.withInput("hello\n", with("chat", words));
    assertThat(said.code()).as(said.err()).isEqualTo(ExitCode.OK);
    return said.out();
  }

  private RunWords run(String command, String... more) {
    return RunWords.of(with(command, List.of(more)));
  }

  private String[] with(String command, List<String> more) {
    List<String> words =
        new ArrayList<>(List.of(command, "model_name_or_path=" + model, "template=chatml"));
    words.addAll(more);
    return words.toArray(String[]::new);
  }
}
