package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatCommandTest {
  @TempDir private static Path folder;
  private static Path model;

  @BeforeAll
  static void makeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 512);
  }

  @Test
  void pipedLinesGiveTheAnswersAlone() {
    RunWords once = chat("hello\n");
    assertThat(once.code()).isEqualTo(ExitCode.OK);
    assertThat(once.out()).endsWith("\n").doesNotContain("User:", "Assistant:", "tokens/s");
    assertThat(once.err()).contains("parameters", "template chatml", "context 512");
  }

  @Test
  void clearedConversationStartsAnew() {
    String one = chat("hello\n").out();
    assertThat(chat("hello\n/clear\nhello\nclear\nhello\n").out()).isEqualTo(one + one + one);
    assertThat(chat("hello\nhello\n").out()).isNotEqualTo(one + one);
  }

  @Test
  void exitEndsBeforeTheInputDoes() {
    assertThat(chat("/exit\nhello\n").out()).isEmpty();
    assertThat(chat("exit\nhello\n").out()).isEmpty();
    assertThat(chat("\n  \n").out()).isEmpty();
  }

  @Test
  void regeneratedAnswerReplacesTheLast() {
    String one = chat("hello\n").out();
    assertThat(chat("hello\n/regen\n").out()).isEqualTo(one + one);
    assertThat(chat("/regen\n").err()).contains("Nothing was said yet.");
  }

  @Test
  void systemPromptChangesWhatIsAnswered() {
    String plain = chat("hello\n").out();
    String told = chat("/system be quiet\nhello\n").out();
    assertThat(told).isNotEqualTo(plain);
    assertThat(chat("hello\n", "default_system=be quiet").out()).isEqualTo(told);
    assertThat(chat("/system be quiet\n/system\nhello\n").out()).isEqualTo(plain);
  }

  @Test
  void unknownCommandIsNotSaid() {
    RunWords run = chat("/forget\n/help\n");
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("No such command: /forget", "/regen");
  }

  @Test
  void stopStringEndsTheAnswerAndIsNotShown() {
    String whole = chat("hello\n").out();
    Matcher letters = Pattern.compile("[A-Za-z]{2}").matcher(whole);
    assertThat(letters.find(2)).as(whole).isTrue();
    String stop = letters.group();
    String cut = chat("hello\n", "stop=[never seen, " + stop + "]").out();
    assertThat(cut).isEqualTo(whole.substring(0, whole.indexOf(stop)) + "\n");
  }

  @Test
  void drawnAnswersRepeatWithASeed() {
    String[] words = {"do_sample=true", "temperature=2", "top_p=1", "sampling_seed=5"};
    assertThat(chat("hello\nyes\n", words).out()).isEqualTo(chat("hello\nyes\n", words).out());
  }

  @Test
  void adaptersAreMergedInOrder() throws IOException {
    Path first = TinyModel.writeAdapter(folder.resolve("first"), model, 1);
    Path second = TinyModel.writeAdapter(folder.resolve("second"), model, 2);
    String plain = chat("hello\n").out();
    String one = chat("hello\n", "adapter_name_or_path=" + first).out();
    String both = chat("hello\n", "adapter_name_or_path=" + first + "," + second).out();
    assertThat(List.of(plain, one, both)).doesNotHaveDuplicates();
  }

  @Test
  void oldestTurnsGoWhenTheContextIsFull() throws IOException {
    Path small = TinyModel.write(folder.resolve("small"), 96);
    RunWords run =
        RunWords.withInput(
            "one\ntwo\nthree\nfour\nfive\n",
            words("model_name_or_path=" + small, "max_new_tokens=16"));
    assertThat(run.code()).isEqualTo(ExitCode.OK);
    assertThat(run.err()).contains("The context is full: forgot the oldest");
  }

  @Test
  void tooLongMessageIsOneErrorAndTheRestIsAnswered() throws IOException {
    Path small = TinyModel.write(folder.resolve("short"), 96);
    String line = "word ".repeat(200);
    RunWords run =
        RunWords.withInput(
            line + "\nhello\n", words("model_name_or_path=" + small, "max_new_tokens=8"));
    assertThat(run.code()).isEqualTo(ExitCode.FAILURE);
    assertThat(run.err()).contains("expected at most 96 tokens").doesNotContain("\tat ");
    assertThat(run.out().strip()).isNotEmpty();
  }

  @Test
  void wrongConfigurationIsOneMessage() {
    RunWords run = RunWords.of("chat", "model_name_or_path=" + model, "temprature=1");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("Did you mean temperature?").doesNotContain("\tat ");
    assertThat(RunWords.of("chat", "model_name_or_path=nowhere", "template=chatml").code())
        .isEqualTo(ExitCode.USAGE);
  }

  @Test
  void withoutATemplateTheCheckpointsOwnIsUsed() throws IOException {
    Path own = TinyModel.write(folder.resolve("own"), 512);
    Files.writeString(
        own.resolve("chat_template.jinja"),
        """
        {% for m in messages %}
        {{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
        {%- endfor %}
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
        """);
    String[] asked = {"chat", "model_name_or_path=" + own, "do_sample=false", "max_new_tokens=24"};
    RunWords run = RunWords.withInput("hello\n", asked);
    assertThat(run.code()).isEqualTo(ExitCode.OK);
    assertThat(run.err()).contains("template chat_template of the checkpoint");
    assertThat(run.out().strip()).isNotEmpty();
    Files.writeString(own.resolve("chat_template.jinja"), "\n{% if %}");
    RunWords broken = RunWords.withInput("hello\n", asked);
    assertThat(broken.code()).isNotEqualTo(ExitCode.OK);
    assertThat(broken.err()).contains("chat_template: line 2: ").doesNotContain("\tat ");
  }

  @Test
  void flagsAreKeysToo() {
    String plain = chat("hello\n").out();
    RunWords run =
        RunWords.withInput(
            "hello\n",
            "chat",
            "--model_name_or_path",
            model.toString(),
            "--template=chatml",
            "--no-do_sample",
            "--max_new_tokens",
            "24");
    assertThat(run.out()).isEqualTo(plain);
  }

  private static RunWords chat(String input, String... more) {
    List<String> all = new ArrayList<>(List.of(words("model_name_or_path=" + model)));
    all.addAll(List.of(more));
    return RunWords.withInput(input, all.toArray(String[]::new));
  }

  private static String[] words(String... more) {
    List<String> all =
        new ArrayList<>(List.of("chat", "template=chatml", "do_sample=false", "max_new_tokens=24"));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }
}
