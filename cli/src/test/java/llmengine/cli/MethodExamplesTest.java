package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every configuration in examples/methods runs, if only for a few steps, and its result talks. */
class MethodExamplesTest {
  private static final Path EXAMPLES = Path.of("../examples");
  private static final Path MODEL = EXAMPLES.resolve("quickstart-model/model");

  @TempDir private Path folder;

  static Stream<Path> examples() throws IOException {
    try (Stream<Path> files = Files.list(EXAMPLES.resolve("methods"))) {
      return files.filter(f -> f.toString().endsWith(".yaml")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void trainsAndTheResultAnswers(Path example) throws IOException {
    String text = Files.readString(example);
    Path model = MODEL;
    if (text.contains("use_llama_pro: true")) {
      model = folder.resolve("expanded");
      run(
          List.of(),
          "expand",
          "model_name_or_path=" + MODEL,
          "output_dir=" + model,
          "num_expand=1");
    }
    Path out = folder.resolve("out");
    List<String> tokens =
        text.contains("new_special_tokens_config")
            ? List.of("new_special_tokens_config=" + EXAMPLES.resolve("methods/new_tokens.tokens"))
            : List.of();
    String printed =
        run(
            tokens,
            "train",
            example.toString(),
            "model_name_or_path=" + model,
            "dataset_dir=" + EXAMPLES.resolve("quickstart-data"),
            "output_dir=" + out,
            "max_steps=3",
            "logging_steps=1",
            "sample_prompts=[]");
    assertThat(printed).contains("trained 3 steps");
    boolean adapter = Files.exists(out.resolve("adapter_model.safetensors"));
    Path merged = folder.resolve("merged");
    List<String> words = new ArrayList<>(List.of("template=chatml", "export_dir=" + merged));
    words.add("model_name_or_path=" + (adapter ? model : out));
    if (adapter) {
      words.add("adapter_name_or_path=" + out);
    }
    words.add(0, "export");
    assertThat(run(tokens, words.toArray(String[]::new))).contains("exported");
    assertThat(merged.resolve("model.safetensors")).exists();
    assertThat(Files.exists(out.resolve("pissa_converted/adapter_model.safetensors")))
        .isEqualTo(text.contains("pissa_convert: true"));
  }

  @Test
  void expandNamesAllThatIsWrong() {
    StringWriter printed = new StringWriter();
    PrintWriter err = new PrintWriter(printed, true);
    int code = Main.run(err, err, "expand", "num_expand=x", "layers=3", "output_dir=" + folder);
    assertThat(code).isEqualTo(ExitCode.USAGE);
    assertThat(printed.toString())
        .contains("model_name_or_path: missing")
        .contains("num_expand: expected a number above 0, got x")
        .contains("layers=3: expected one of model_name_or_path, output_dir");
    assertThat(
            Main.run(
                err,
                err,
                "expand",
                "model_name_or_path=" + MODEL,
                "output_dir=" + folder.resolve("y"),
                "num_expand=2"))
        .isEqualTo(ExitCode.FAILURE);
    assertThat(printed.toString()).contains("expected a divisor of the model's 5 blocks, got 2");
  }

  private static String run(List<String> more, String... first) {
    String[] words = Stream.concat(Stream.of(first), more.stream()).toArray(String[]::new);
    StringWriter printed = new StringWriter();
    PrintWriter out = new PrintWriter(printed, true);
    int code = Main.run(out, out, words);
    assertThat(code).as(printed.toString()).isZero();
    return printed.toString();
  }
}
