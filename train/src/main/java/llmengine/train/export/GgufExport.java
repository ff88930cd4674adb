package llmengine.train.export;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import llmengine.data.tokenizer.GgufVocabulary;
import llmengine.engine.Backend;
import llmengine.engine.FormatException;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufSource;
import llmengine.engine.file.GgufWriter;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.quant.encode.GgufMix;
import llmengine.train.TrainException;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;

/** Writes a model with its adapters merged as one GGUF file that llama.cpp runs. */
final class GgufExport {
  private GgufExport() {}

  /** Does what the configuration of an export with {@code export_format: gguf} asks for. */
  static Export run(RunConfig config) {
    GgufMix mix = config.export().exportGgufType();
    List<Path> adapters = config.adapterPaths();
    List<Path> sources = new ArrayList<>(adapters);
    sources.add(config.modelPath());
    Path file = checked(target(config.export().exportDir().orElseThrow(), mix), sources);
    try (ModelSession session = ModelSession.open(config)) {
      String architecture = GgufMetadata.architecture(session.files().config());
      GgufVocabulary vocabulary =
          GgufVocabulary.of(session.tokenizer(), session.files().spec().vocab());
      try (Backend backend = Backends.open(config);
          Decoder model = session.load(backend)) {
        double bits = 8.0 * mix.base().blockBytes() / mix.base().blockValues();
        Optional<Double> bound = ExportCheck.bound(config, bits);
        List<int[]> prompts = bound.isEmpty() ? List.of() : ExportCheck.prompts(session);
        List<float[]> source = Export.sourceLogits(model, adapters, prompts);
        long parameters = model.parameters().values().stream().mapToLong(Parameter::size).sum();
        List<GgufSource> tensors = new GgufTensors(model, architecture, mix).sources();
        new GgufWriter()
            .write(
                file,
                GgufMetadata.of(
                    session.files().config(),
                    model.spec(),
                    vocabulary,
                    mix,
                    name(config.modelPath()),
                    parameters),
                tensors);
        Optional<ExportCheck> check =
            bound.map(
                b ->
                    ExportCheck.of(
                        "exported against source",
                        source,
                        ExportCheck.logits(file, backend, prompts),
                        model.spec().vocab(),
                        b));
        return new Export(
            file.getParent(),
            List.of(file.getFileName().toString()),
            Files.size(file),
            mix.name(),
            parameters,
            check,
            Optional.empty());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": can't be read: " + e.getMessage(), e);
    }
  }

  /** The file itself if export_dir names one, else {@code model-TYPE.gguf} in the folder. */
  private static Path target(Path exportDir, GgufMix mix) {
    Path path = exportDir.toAbsolutePath().normalize();
    return path.toString().endsWith(".gguf") ? path : path.resolve("model-" + mix + ".gguf");
  }

  private static String name(Path model) {
    String name = model.toAbsolutePath().normalize().getFileName().toString();
    return name.replaceFirst("\\.gguf$", "");
  }

  /** Only a file that an earlier export wrote may be replaced, and never a source. */
  private static Path checked(Path file, List<Path> sources) {
    try {
      for (Path source : sources) {
        if (Files.exists(file) && Files.isSameFile(file, source)) {
          throw refused(file, "expected a file apart from " + source + ", got the same one");
        }
      }
      if (Files.exists(file) && !isExport(file)) {
        throw refused(file, "expected no file or an earlier export, got another file");
      }
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": can't be read: " + e.getMessage(), e);
    }
  }

  private static boolean isExport(Path file) {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (GgufFile gguf = GgufFile.open(file)) {
      return GgufMetadata.WRITER.equals(gguf.metadata().get("general.quantized_by"));
    } catch (FormatException notGguf) {
      return false;
    }
  }

  private static TrainException refused(Path file, String what) {
    return new TrainException(
        "export_dir: "
            + file
            + ": would overwrite other files: "
            + what
            + ". Choose another export_dir.");
  }
}
