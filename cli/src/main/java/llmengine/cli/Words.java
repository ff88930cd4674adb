package llmengine.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The words after a command that takes a configuration: passed on as they are. */
final class Words {
  @Parameters(
      arity = "0..*",
      paramLabel = "FILE|KEY=VALUE",
      description = {
        "A .yaml, .yml or .json file first, if any, then keys: key=value, --key value, --key=value,"
            + " --flag, --no-flag. They replace those of the file.",
        "docs/config.md lists the keys; they are those of LLaMA-Factory."
      })
  private final List<String> list = new ArrayList<>();

  /** Keys are no options of the command line: --max_steps 3 is for the configuration. */
  @Spec(Spec.Target.MIXEE)
  void takeUnknownOptions(CommandSpec command) {
    command.parser().unmatchedOptionsArePositionalParams(true);
  }

  List<String> list() {
    return list;
  }
}
