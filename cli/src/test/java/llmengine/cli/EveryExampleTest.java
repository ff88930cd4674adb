package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every configuration in examples runs by the commands in its first lines, for two steps and with
 * the quickstart's model in place of larger ones. Those in examples/methods have a test of their
 * own.
 */
class EveryExampleTest {
  private static final Path EXAMPLES = Path.of("../examples").toAbsolutePath().normalize();
  private static final Path MODEL = EXAMPLES.resolve("quickstart-model/model");
  private static final Pattern COMMAND =
      Pattern.compile("(?m)^# +\\./engine\\.sh ((?:train|export|chat) (?:.*\\\\\\n#)*.*)$");
  private static final Pattern INPUT =
      Pattern.compile("(?m)^(?!output_dir|export_dir)\\w+: (saves/\\S+)");

  @TempDir private static Path root;
  private static Process rewards;
  private static int port;

  static List<String> examples() throws IOException {
    try (Stream<Path> files = Files.walk(EXAMPLES)) {
      return files
          .map(f -> EXAMPLES.relativize(f).toString().replace('\\', '/'))
          .filter(f -> f.endsWith(".yaml") && !f.startsWith("methods/"))
          .sorted()
          .toList();
    }
  }

  /** What the examples expect to be there: a GGUF file, texts, a server. */
  @BeforeAll
  static void prepare() throws IOException {
    Path texts = root.resolve("texts.jsonl");
    try (InputStream in = EveryExampleTest.class.getResourceAsStream("texts.jsonl")) {
      Files.copy(in, texts);
    }
    Path data = Files.createDirectories(root.resolve("quickstart-model/build"));
    Files.copy(texts, data.resolve("corpus.jsonl"));
    Files.copy(EXAMPLES.resolve("quickstart-data/tavi.json"), data.resolve("instruct.json"));
    Files.copy(
        EXAMPLES.resolve("quickstart-model/dataset_info.json"),
        data.resolveSibling("dataset_info.json"));
    ok(
        "export",
        "model_name_or_path=" + MODEL,
        "template=chatml",
        "export_format=gguf",
        "export_gguf_type=q4_1",
        "export_dir=" + root.resolve("gguf"));
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    rewards =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                EXAMPLES.resolve("RewardServer.java").toString(),
                Integer.toString(port))
            .redirectErrorStream(true)
            .start();
    BufferedReader printed = rewards.inputReader(StandardCharsets.UTF_8);
    assertThat(printed.readLine()).isEqualTo("scores at http://127.0.0.1:" + port + "/");
  }

  @AfterAll
  static void stop() {
    if (rewards != null) {
      rewards.destroy();
    }
  }

  @Test
  void noExampleIsLeftOut() throws IOException {
    assertThat(examples())
        .contains("quickstart.yaml", "quickstart_ppo.yaml", "quickstart-model/export.yaml");
    for (String example : examples()) {
      assertThat(commands(example))
          .as(example + ": a command in the first lines that runs it")
          .anyMatch(words -> words.contains("examples/" + example));
    }
    try (Stream<Path> all = Files.walk(EXAMPLES)) {
      assertThat(all.filter(f -> f.toString().endsWith(".yaml")))
          .hasSize(examples().size() + (int) MethodExamplesTest.examples().count());
    }
  }

  /** JSON has no order of keys, and a text may hold quotes and brackets. */
  @Test
  void theRewardServerScoresTheMessagesOnly() throws Exception {
    String texts = "[\"assistant a\", \"x \\\"]\\\", assistant b\"]";
    for (String body :
        List.of(
            "{\"messages\": " + texts + ", \"model\": \"model\"}",
            "{\"model\":\"model\",\"messages\":" + texts + "}")) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/"))
              .POST(HttpRequest.BodyPublishers.ofString(body))
              .build();
      try (HttpClient client = HttpClient.newHttpClient()) {
        String answer = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
        assertThat(answer.split(",")).as(body + " -> " + answer).hasSize(2);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void runsByTheCommandsInItsFirstLines(String example) throws IOException {
    for (List<String> words : commands(example)) {
      run(words);
    }
  }

  /** The commands that an example's first lines show, in words. */
  private static List<List<String>> commands(String example) throws IOException {
    List<List<String>> commands = new ArrayList<>();
    Matcher command = COMMAND.matcher(text("examples/" + example));
    while (command.find()) {
      commands.add(List.of(command.group(1).replace("\\\n#", " ").strip().split("\\s+")));
    }
    return commands;
  }

  private static String text(String yaml) throws IOException {
    String file = yaml.substring("examples/".length());
    return Files.readString(EXAMPLES.resolve(file)).replace("\r\n", "\n");
  }

  private static void run(List<String> command) throws IOException {
    List<String> words = new ArrayList<>();
    for (String word : command) {
      if (word.endsWith(".yaml")) {
        String text = text(word);
        makeInputs(text);
        Path copy = root.resolve(word.replace('/', '_'));
        Files.writeString(copy, here(text));
        words.add(copy.toString());
      } else if (!word.startsWith("max_steps=")) {
        words.add(here(word));
      }
    }
    String name = words.getFirst();
    String text = words.get(1).endsWith(".yaml") ? Files.readString(Path.of(words.get(1))) : "";
    if (name.equals("train")) {
      words.addAll(List.of("max_steps=2", "logging_steps=1"));
      if (text.contains("stage: ppo")) {
        words.addAll(List.of("max_new_tokens=8", "ppo_buffer_size=1"));
      }
      assertThat(ok(words.toArray(String[]::new))).contains("trained 2 steps");
    } else if (name.equals("export")) {
      Path target = Files.createTempDirectory(root, "export").resolve("out");
      words.add("export_dir=" + target);
      if (text.contains("export_quantization_bit")) {
        words.add("export_quantization_nsamples=4");
        words.add("export_quantization_maxlen=64");
      }
      ok(words.toArray(String[]::new));
      assertThat(target.resolve("model.safetensors")).exists();
    } else {
      words.add("max_new_tokens=4");
      assertThat(ok(words.toArray(String[]::new))).isNotBlank();
    }
  }

  /** Runs the examples whose results a configuration starts from, unless they are there. */
  private static void makeInputs(String text) throws IOException {
    Matcher input = INPUT.matcher(text);
    while (input.find()) {
      String folder = input.group(1);
      if (Files.exists(Path.of(here(folder)))) {
        continue;
      }
      for (String example : examples()) {
        if (text("examples/" + example).contains("\noutput_dir: " + folder + "\n")) {
          run(List.of("train", "examples/" + example));
        }
      }
      assertThat(Path.of(here(folder))).as("a result of an example").exists();
    }
  }

  /** The same with the places of this test. */
  private static String here(String words) {
    return words
        .replace("dataset_dir: examples/quickstart-model\n", "dataset_dir: quickstart-model\n")
        .replace("examples/", EXAMPLES + "/")
        .replace("dataset_dir: quickstart-model\n", "dataset_dir: " + root + "/quickstart-model\n")
        .replace("saves/", root + "/saves/")
        .replace("data/texts.jsonl", root + "/texts.jsonl")
        .replace("models/SmolLM2-135M-Instruct.Q4_1.gguf", root + "/gguf/model-Q4_1.gguf")
        .replace("models/SmolLM2-135M-Instruct", MODEL.toString())
        .replace("http://127.0.0.1:8089/", "http://127.0.0.1:" + port + "/");
  }

  private static String ok(String... words) {
    RunWords run = RunWords.withInput("Who are you?\n", words);
    assertThat(run.code()).as(String.join(" ", words) + "\n" + run.out() + run.err()).isZero();
    return run.out();
  }
}
