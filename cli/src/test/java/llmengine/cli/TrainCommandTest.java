package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import llmengine.train.config.RunConfig;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainCommandTest {
  @TempDir private Path folder;
  private List<String> words;
  private Path output;

  @BeforeEach
  void makeRun() throws IOException {
    output = folder.resolve("run");
    words =
        List.of(
            "model_name_or_path=" + TinyModel.write(folder.resolve("model"), 512),
            "dataset_dir=" + TinyModel.writeData(folder.resolve("data")),
            "dataset=talk",
            "template=chatml",
            "stage=sft",
            "do_train=true",
            "cutoff_len=128",
            "per_device_train_batch_size=2",
            "output_dir=" + output);
  }

  @Test
  void trainsAndSaysHowToChat() {
    RunWords run = run("train", "max_steps=2");
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    assertThat(output.resolve("adapter_model.safetensors")).exists();
    String answer = chatAsTold(run.out());
    assertThat(answer).isNotNull();
  }

  @Test
  void wholeModelIsTalkedToByItself() {
    RunWords run = run("train", "max_steps=2", "finetuning_type=full");
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    assertThat(run.out()).contains("model_name_or_path=" + output).doesNotContain("adapter_name");
    chatAsTold(run.out());
  }

  @Test
  void chatNamesEveryAdapter() throws IOException {
    Path one = Files.createDirectories(folder.resolve("one"));
    Path two = Files.createDirectories(folder.resolve("two"));
    List<String> given = new ArrayList<>(words);
    given.add("adapter_name_or_path=" + one + "," + two);
    assertThat(TrainCommand.chatCommand(RunConfig.forTraining(given)))
        .contains("adapter_name_or_path=" + one + "," + output + " ");
    given.add("create_new_adapter=true");
    given.add("default_system=be kind");
    assertThat(TrainCommand.chatCommand(RunConfig.forTraining(given)))
        .contains("adapter_name_or_path=" + one + "," + two + "," + output + " ")
        .contains("'default_system=be kind'");
  }

  @Test
  void everyProblemOfAConfigurationAtOnce() {
    RunWords run = run("train", "lerning_rate=1", "max_steps=many");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err())
        .contains("2 problems", "lerning_rate", "max_steps")
        .doesNotContain("\tat ");
  }

  @Test
  void unknownDatasetsAreConfigurationErrors() {
    RunWords run = run("train", "dataset=tolk,talk,nothing");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("2 problems", "tolk", "nothing").doesNotContain("\tat ");
    assertThat(output.resolve("adapter_model.safetensors")).doesNotExist();
  }

  @Test
  void resultsOfAnotherRunAreNotOverwritten() throws IOException {
    Files.createDirectories(output);
    Path foreign = Files.writeString(output.resolve("model.safetensors"), "mine");
    RunWords run = run("train", "max_steps=1");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("output_dir", "overwrite_output_dir");
    assertThat(foreign).hasContent("mine");
  }

  @Test
  void cutoffThatCutsEveryAnswerIsNamed() {
    RunWords run = run("train", "max_steps=1", "cutoff_len=6");
    assertThat(run.out()).contains("cutoff_len 6 cuts off the end of every answer");
  }

  @Test
  void planIsMadeWithoutTheRun() {
    RunWords run = run("plan");
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    assertThat(run.out()).contains("4 rows", "at the peak", "fits", "a checkpoint", "for 6 steps");
    assertThat(output).doesNotExist();
  }

  @Test
  void everyChangeThatThePlanNamesFits() {
    String limit = "memory_limit_gb=0.0435";
    RunWords run =
        run("plan", limit, "per_device_train_batch_size=64", "disable_gradient_checkpointing=true");
    assertThat(run.code()).as(run.out() + run.err()).isEqualTo(ExitCode.FAILURE);
    assertThat(run.out()).contains("does NOT fit", "Each of these lines makes it fit:");
    Matcher line = Pattern.compile("(?m)^ {10}(\\S.*?) +\\S+ GB$").matcher(run.out());
    int changes = 0;
    while (line.find()) {
      List<String> more =
          new ArrayList<>(
              List.of(
                  limit, "per_device_train_batch_size=64", "disable_gradient_checkpointing=true"));
      more.addAll(List.of(line.group(1).split(" ")));
      RunWords changed = run("plan", more.toArray(String[]::new));
      assertThat(changed.code()).as(line.group(1) + changed.out()).isEqualTo(ExitCode.OK);
      changes++;
    }
    assertThat(changes).isPositive();
  }

  private static String chatAsTold(String out) {
    Matcher told = Pattern.compile("(?m)^ +java -jar engine.jar (chat .*)$").matcher(out);
    assertThat(told.find()).as(out).isTrue();
    List<String> command = new ArrayList<>(List.of(told.group(1).split(" ")));
    command.add("max_new_tokens=4");
    RunWords chat = RunWords.withInput("who?\n", command.toArray(String[]::new));
    assertThat(chat.code()).as(chat.err()).isEqualTo(ExitCode.OK);
    return chat.out();
  }

  private RunWords run(String command, String... more) {
    List<String> all = new ArrayList<>(List.of(command));
    all.addAll(words);
    all.addAll(List.of(more));
    return RunWords.of(all.toArray(String[]::new));
  }
}
