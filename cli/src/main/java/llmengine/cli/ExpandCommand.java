package llmengine.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import llmengine.train.config.ConfigException;
import llmengine.train.export.BlockExpansion;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code engine expand}: adds blocks to a model for LLaMA Pro. */
@Command(
    name = "expand",
    description = {
      "Add blocks to a model that pass their input on unchanged, for training them alone"
          + " (LLaMA Pro).",
      "Train with use_llama_pro: true and freeze_trainable_layers: the number of added blocks."
    },
    footer = "%nExample: engine expand model_name_or_path=MODEL output_dir=expanded num_expand=8")
final class ExpandCommand implements Callable<Integer> {
  private static final List<String> KEYS =
      List.of("model_name_or_path", "output_dir", "num_expand", "shard_size");

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..*",
      paramLabel = "KEY=VALUE",
      description = {
        "model_name_or_path  a Hugging Face directory",
        "output_dir          a new or empty folder",
        "num_expand          blocks to add: a divisor of the number of blocks",
        "shard_size          largest file of weights in GB (5)"
      })
  private List<String> words = List.of();

  @Override
  public Integer call() {
    List<String> problems = new ArrayList<>();
    Map<String, String> values = values(problems);
    for (String key : KEYS.subList(0, 3)) {
      if (!values.containsKey(key)) {
        problems.add(key + ": missing: expected a value, got none. Add " + key + "=...");
      }
    }
    int added = (int) number("num_expand", values.getOrDefault("num_expand", "1"), problems);
    double shard = number("shard_size", values.getOrDefault("shard_size", "5"), problems);
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
    Path folder = Path.of(values.get("output_dir"));
    Path model = Path.of(values.get("model_name_or_path"));
    int blocks = BlockExpansion.write(model, folder, added, (long) (shard * 1e9));
    spec.commandLine()
        .getOut()
        .printf("expanded  %d blocks to %d in %s%n", blocks - added, blocks, folder);
    return ExitCode.OK;
  }

  private Map<String, String> values(List<String> problems) {
    Map<String, String> values = new LinkedHashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      String key = equals < 0 ? word : word.substring(0, equals);
      if (equals < 0 || !KEYS.contains(key)) {
        problems.add(
            word + ": expected one of " + String.join(", ", KEYS) + " as key=value, got " + word);
      } else {
        values.put(key, word.substring(equals + 1));
      }
    }
    return values;
  }

  private static double number(String key, String text, List<String> problems) {
    try {
      double number = Double.parseDouble(text);
      if (number > 0 && (!key.equals("num_expand") || number == Math.rint(number))) {
        return number;
      }
    } catch (NumberFormatException e) {
      // reported below, as a number that makes no sense is
    }
    problems.add(key + ": expected a number above 0, got " + text + ". Correct it.");
    return 1;
  }
}
