package llmengine.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import llmengine.train.Trainer;
import llmengine.train.Training;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.RunConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code engine train}: a training run from its configuration to the files in output_dir. */
@Command(
    name = "train",
    description = {
      "Train or fine-tune a model as a configuration says.",
      "Ctrl-C stops after the current step with a checkpoint; the same command goes on from there."
    },
    footer = "%nExample: engine train examples/quickstart.yaml num_train_epochs=4")
final class TrainCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;
  @Mixin private Words words;

  @Override
  public Integer call() {
    RunConfig config = RunConfig.forTraining(words.list());
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Trainer.End end;
    try (Interruption stop =
        Interruption.listen(
            () ->
                err.println(
                    "engine: stopping after this step with a checkpoint; once more stops at"
                        + " once."))) {
      end = new Training(config, WriterStream.of(out), stop::requested).run();
    }
    if (end == Trainer.End.INTERRUPTED) {
      return ExitCode.INTERRUPTED;
    }
    if (config.training().doTrain()) {
      out.println();
      boolean scores = config.finetuning().stage() == Stage.RM;
      out.println(
          scores ? "To train with its scores, add to a run of stage ppo:" : "To chat with it:");
      out.println("  " + (scores ? rewardWords(config) : chatCommand(config)));
    }
    return ExitCode.OK;
  }

  /** The words that start a chat with what a configuration trains. */
  static String chatCommand(RunConfig config) {
    List<String> line = new ArrayList<>(List.of("java", "-jar", "engine.jar", "chat"));
    if (config.isAdapter()) {
      List<String> given = config.model().adapterNameOrPath();
      boolean fresh = given.isEmpty() || config.lora().createNewAdapter();
      List<String> adapters = new ArrayList<>(fresh ? given : given.subList(0, given.size() - 1));
      adapters.add(config.outputDir().toString());
      line.add("model_name_or_path=" + config.model().modelNameOrPath());
      line.add("adapter_name_or_path=" + String.join(",", adapters));
    } else {
      line.add("model_name_or_path=" + config.outputDir());
    }
    config.data().template().ifPresent(name -> line.add("template=" + name));
    config.data().defaultSystem().ifPresent(text -> line.add("default_system=" + text));
    if (config.isGiven("enable_thinking")) {
      line.add(
          "enable_thinking=" + config.data().enableThinking().map(String::valueOf).orElse("null"));
    }
    return String.join(" ", line.stream().map(TrainCommand::quoted).toList());
  }

  /** The words that let a reward model score another run's answers. */
  static String rewardWords(RunConfig config) {
    return quoted("reward_model=" + config.outputDir())
        + " reward_model_type="
        + (config.isLora() ? "lora" : "full");
  }

  private static String quoted(String word) {
    return word.matches("[\\w@%+=:,./~-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
