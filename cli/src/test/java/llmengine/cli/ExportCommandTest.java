package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.train.checkpoint.JsonFiles;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExportCommandTest {
  @TempDir private Path folder;
  private Path model;
  private Path adapter;
  private Path target;

  @BeforeEach
  void makeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 512);
    adapter = TinyModel.writeAdapter(folder.resolve("adapter"), model, 1);
    target = folder.resolve("out/merged");
  }

  @Test
  void mergedModelComputesWhatTheAdapterDid() {
    RunWords run = export("adapter_name_or_path=" + adapter, "infer_dtype=float32");
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    assertThat(run.out()).contains("as F32", "model.safetensors", "largest logit difference");
    assertClose(
        TinyModel.logits(target, List.of()), TinyModel.logits(model, List.of(adapter)), 1e-4);
  }

  @Test
  void tooLargeADifferenceFails() {
    RunWords run = export("export_max_difference=1e-9");
    assertThat(run.code()).isEqualTo(ExitCode.FAILURE);
    assertThat(run.out()).contains("NOT within its bound");
    assertThat(export("export_max_difference=0").out()).doesNotContain("check ");
  }

  @Test
  void severalAdaptersAreMerged() throws IOException {
    Path second = TinyModel.writeAdapter(folder.resolve("second"), model, 2);
    export("adapter_name_or_path=" + adapter + "," + second, "infer_dtype=float32");
    assertClose(
        TinyModel.logits(target, List.of()),
        TinyModel.logits(model, List.of(adapter, second)),
        1e-4);
  }

  @Test
  void outputLayerTrainedWholeIsUntied() throws IOException {
    Path whole = TinyModel.writeAdapter(folder.resolve("whole"), model, 3, "lm_head");
    export("adapter_name_or_path=" + whole, "infer_dtype=float32");
    assertThat(json("config.json").get("tie_word_embeddings").asBoolean(true)).isFalse();
    assertClose(TinyModel.logits(target, List.of()), TinyModel.logits(model, List.of(whole)), 1e-4);
  }

  @Test
  void float32BecomesBfloat16Unasked() {
    assertThat(export().out()).contains("as BF16");
    assertThat(json("config.json").get("dtype").asText()).isEqualTo("bfloat16");
    assertThat(json("config.json").get("torch_dtype").asText()).isEqualTo("bfloat16");
  }

  @Test
  void stopIdsTokenizerAndModelfileAreThere() throws IOException {
    export("cutoff_len=100");
    assertThat(json("generation_config.json").get("eos_token_id")).hasSizeGreaterThan(1);
    JsonNode tokenizer = json("tokenizer_config.json");
    assertThat(tokenizer.get("padding_side").asText()).isEqualTo("left");
    assertThat(tokenizer.get("model_max_length").asInt()).isEqualTo(100);
    assertThat(tokenizer.get("chat_template").asText()).contains("<|im_start|>");
    assertThat(Files.readString(target.resolve("Modelfile"))).contains("FROM .", "<|im_end|>");
  }

  @Test
  void exportedFolderAnswersAsTheAdapterDoes() {
    export("adapter_name_or_path=" + adapter, "infer_dtype=float32");
    String[] settings = {"chat", "template=chatml", "do_sample=false", "max_new_tokens=16"};
    String merged = chat(settings, "model_name_or_path=" + target);
    assertThat(merged)
        .isEqualTo(
            chat(settings, "model_name_or_path=" + model, "adapter_name_or_path=" + adapter));
  }

  @Test
  void onlyAnEarlierExportIsOverwritten() throws IOException {
    assertThat(export().code()).isEqualTo(ExitCode.OK);
    assertThat(export("infer_dtype=float16").out()).contains("as F16");
    Files.writeString(target.resolve("notes.txt"), "mine");
    RunWords run = export();
    assertThat(run.code()).isEqualTo(ExitCode.FAILURE);
    assertThat(run.err()).contains("holds notes.txt").doesNotContain("\tat ");
    assertThat(target.resolve("notes.txt")).hasContent("mine");
  }

  @Test
  void sourcesAreNeverOverwritten() throws IOException {
    byte[] before = Files.readAllBytes(model.resolve("model.safetensors"));
    for (Path wrong : List.of(model, adapter, folder)) {
      target = wrong;
      RunWords run = export("adapter_name_or_path=" + adapter);
      assertThat(run.code()).isEqualTo(ExitCode.FAILURE);
      assertThat(run.err()).contains("would overwrite other files");
    }
    assertThat(Files.readAllBytes(model.resolve("model.safetensors"))).isEqualTo(before);
  }

  @Test
  void folderIsRequired() {
    RunWords run = RunWords.of("export", "model_name_or_path=" + model, "template=chatml");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("export_dir");
  }

  private RunWords export(String... more) {
    String[] words = new String[4 + more.length];
    words[0] = "export";
    words[1] = "model_name_or_path=" + model;
    words[2] = "template=chatml";
    words[3] = "export_dir=" + target;
    System.arraycopy(more, 0, words, 4, more.length);
    return RunWords.of(words);
  }

  private static String chat(String[] settings, String... more) {
    String[] words = new String[settings.length + more.length];
    System.arraycopy(settings, 0, words, 0, settings.length);
    System.arraycopy(more, 0, words, settings.length, more.length);
    return RunWords.withInput("hello\n", words).out();
  }

  private JsonNode json(String name) {
    return JsonFiles.read(target.resolve(name));
  }

  private static void assertClose(float[] actual, float[] expected, double bound) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat((double) actual[i]).isCloseTo(expected[i], within(bound));
    }
  }
}
