package llmengine.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import llmengine.train.config.RunConfig;
import llmengine.train.export.TextPerplexity;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code engine perplexity}: how well a model predicts a text file. */
@Command(
    name = "perplexity",
    description = {
      "Measure how well a model, adapters merged, predicts a text file: the lower, the better.",
      "By llama.cpp's method: windows without overlap, of which the second half is scored. The last"
          + " word is the file."
    },
    footer =
        "%nExample: engine perplexity model_name_or_path=MODEL wiki.txt --context 512 --chunks 20"
            + "%n         engine perplexity model_name_or_path=MODEL quantization_bit=4 wiki.txt")
final class PerplexityCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Words words;

  @Option(
      names = "--context",
      paramLabel = "TOKENS",
      defaultValue = "512",
      description = "Tokens in a window (default ${DEFAULT-VALUE}), at most the model's context.")
  private int context;

  @Option(
      names = "--chunks",
      paramLabel = "COUNT",
      description = "Windows to score; all if not given.")
  private Integer chunks;

  @Option(names = "--json", description = "Print one JSON object instead.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    List<String> keys = new ArrayList<>(words.list());
    Path file = file(keys);
    if (chunks != null && chunks < 1) {
      throw new ParameterException(spec.commandLine(), "--chunks: expected at least 1");
    }
    if (!keys.stream().anyMatch(word -> word.contains("template=") || word.equals("--template"))) {
      keys.add("template=empty"); // no chat: a checkpoint's own template does not matter
    }
    RunConfig config = RunConfig.forInference(keys);
    PrintWriter out = spec.commandLine().getOut();
    if (!json) {
      config.notes().forEach(out::println);
    }
    TextPerplexity result =
        TextPerplexity.of(
            config,
            file,
            context,
            chunks == null ? Integer.MAX_VALUE : chunks,
            so -> {
              if (!json) {
                out.printf(Locale.ROOT, "[%d]%.4f,", so.windows(), so.value());
                out.flush();
              }
            });
    if (json) {
      out.println(result.json());
    } else {
      out.println();
      result.lines().forEach(out::println);
    }
    return ExitCode.OK;
  }

  /** Takes the last word that is no key out of the list; a first .yaml file is no text. */
  private Path file(List<String> keys) {
    for (int i = keys.size() - 1; i >= 0; i--) {
      String word = keys.get(i);
      boolean value = i > 0 && keys.get(i - 1).matches("--\\w+");
      if (!value && !word.contains("=") && !word.startsWith("--") && !isConfig(i, word)) {
        keys.remove(i);
        return Path.of(word);
      }
    }
    throw new ParameterException(
        spec.commandLine(), "no text: expected a file after the keys, got none");
  }

  private static boolean isConfig(int place, String word) {
    return place == 0 && word.matches(".*\\.(yaml|yml|json)");
  }
}
