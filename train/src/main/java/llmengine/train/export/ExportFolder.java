package llmengine.train.export;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import llmengine.train.TrainException;

/**
 * Where an export goes. The rule that keeps other people's files safe: the folder must not exist,
 * be empty, or hold an earlier export (known by the first line of its Modelfile) and nothing else;
 * it must not be the model's or an adapter's folder, nor hold one.
 */
final class ExportFolder {
  static final String MODELFILE = "Modelfile";

  /** First line of every Modelfile that is written here. */
  static final String SIGNATURE = "# Ollama Modelfile written by LLM Engine";

  private static final Pattern WRITTEN =
      Pattern.compile(
          "config\\.json|generation_config\\.json|tokenizer\\.json|tokenizer_config\\.json"
              + "|special_tokens_map\\.json|chat_template\\.jinja|Modelfile"
              + "|quantization_report\\.json"
              + "|model(-\\d{5}-of-\\d{5})?\\.safetensors|model\\.safetensors\\.index\\.json");

  private ExportFolder() {}

  /**
   * Checks the rule before any work is done.
   *
   * @param sources the model and its adapters
   * @return the folder as an absolute path
   * @throws TrainException if the export would overwrite something else
   */
  static Path checked(Path exportDir, List<Path> sources) {
    Path folder = exportDir.toAbsolutePath().normalize();
    try {
      for (Path source : sources) {
        if (Files.isDirectory(folder) && source.toRealPath().startsWith(folder.toRealPath())) {
          throw refused(folder, "expected a folder apart from " + source + ", got the same one");
        }
      }
      if (Files.exists(folder) && !Files.isDirectory(folder)) {
        throw refused(folder, "expected a folder, got a file");
      }
      if (Files.isDirectory(folder)) {
        List<String> names = names(folder);
        if (!names.isEmpty() && !isExport(folder)) {
          throw refused(
              folder,
              "expected an empty folder or an earlier export, got one with " + names.getFirst());
        }
        for (String name : names) {
          if (!WRITTEN.matcher(name).matches()) {
            throw refused(folder, "expected an earlier export alone, got one that holds " + name);
          }
        }
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(folder + ": can't be read: " + e.getMessage(), e);
    }
  }

  private static boolean isExport(Path folder) throws IOException {
    Path file = folder.resolve(MODELFILE);
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (Stream<String> lines = Files.lines(file)) {
      return lines.findFirst().filter(SIGNATURE::equals).isPresent();
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }

  private static TrainException refused(Path folder, String what) {
    return new TrainException(
        "export_dir: "
            + folder
            + ": would overwrite other files: "
            + what
            + ". Choose another export_dir.");
  }
}
