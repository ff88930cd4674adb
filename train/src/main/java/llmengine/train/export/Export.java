package llmengine.train.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import llmengine.data.DataException;
import llmengine.data.tokenizer.PaddingSide;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.peft.Adapters;
import llmengine.train.checkpoint.AtomicFolder;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.checkpoint.ModelFolder;
import llmengine.train.config.ExportArguments.ExportDevice;
import llmengine.train.config.ExportArguments.ExportFormat;
import llmengine.train.config.ModelArguments.WeightType;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;

/**
 * Writes a model with its adapters merged as a GGUF file or a Hugging Face directory: weights in
 * shards, model and generation configuration, tokenizer, and a Modelfile for Ollama. The folder
 * appears whole or not at all.
 *
 * @param folder written
 * @param files in it, by name
 * @param bytes of all files
 * @param dtype of the weights; of a GGUF file the name of its mix of types
 * @param parameters stored
 * @param check of what was written against the source; empty if none was asked for
 * @param quantization how a quantized export compares with its source; empty for another
 */
public record Export(
    Path folder,
    List<String> files,
    long bytes,
    String dtype,
    long parameters,
    Optional<ExportCheck> check,
    Optional<QuantizationReport> quantization) {

  private static final int USUAL_CUTOFF = 2048;

  /** Does what the configuration of an export asks for, silently. */
  public static Export run(RunConfig config) {
    return run(config, line -> {});
  }

  /**
   * Does what the configuration of an export asks for.
   *
   * @param progress takes lines about work that lasts
   * @throws llmengine.train.TrainException if export_dir holds something else or can't be written
   */
  public static Export run(RunConfig config, Consumer<String> progress) {
    if (config.export().exportFormat() == ExportFormat.GGUF) {
      return GgufExport.run(config);
    }
    List<Path> adapters = config.adapterPaths();
    List<Path> sources = new ArrayList<>(adapters);
    sources.add(config.modelPath());
    Path folder = ExportFolder.checked(config.export().exportDir().orElseThrow(), sources);
    if (config.export().exportQuantizationBit().isPresent()) {
      return quantized(config, folder, progress);
    }
    try (ModelSession session = ModelSession.open(config);
        Backend backend = Backends.open(config);
        Decoder model = session.load(backend)) {
      DType dtype = dtype(config, session, model);
      Optional<Double> bound = ExportCheck.bound(config, 8 * dtype.bytes());
      List<int[]> prompts = bound.isEmpty() ? List.of() : ExportCheck.prompts(session);
      List<float[]> source = sourceLogits(model, adapters, prompts);
      AtomicFolder.write(
          folder,
          temporary -> {
            ModelFolder.write(temporary, session, model, dtype, shardBytes(config));
            writeRest(temporary, config, session);
          });
      Optional<ExportCheck> check =
          bound.map(
              b ->
                  ExportCheck.of(
                      "exported against source",
                      source,
                      ExportCheck.logits(folder, backend, prompts),
                      model.spec().vocab(),
                      b));
      return written(folder, dtype, model, check, Optional.empty());
    }
  }

  private static Export quantized(RunConfig config, Path folder, Consumer<String> progress) {
    try (ModelSession session = ModelSession.open(config)) {
      QuantizedExport export = QuantizedExport.of(config, session, progress);
      try (Backend backend = Backends.open(config);
          Decoder model = session.load(backend)) {
        Optional<Double> bound = ExportCheck.bound(config, export.bits());
        List<int[]> prompts = bound.isEmpty() ? List.of() : ExportCheck.prompts(session);
        int vocab = model.spec().vocab();
        List<float[]> source = ExportCheck.logits(model, prompts);
        QuantizationReport report = export.quantize(model);
        List<ExportCheck> checks = new ArrayList<>();
        AtomicFolder.write(
            folder,
            temporary -> {
              export.write(temporary, model, shardBytes(config));
              bound.ifPresent(
                  b ->
                      checks.add(
                          ExportCheck.of(
                              "quantized against source",
                              source,
                              ExportCheck.logits(temporary, backend, prompts),
                              vocab,
                              b)));
              report.write(temporary, checks.stream().findFirst());
              writeRest(temporary, config, session);
            });
        return written(folder, DType.F16, model, checks.stream().findFirst(), Optional.of(report));
      }
    }
  }

  private static long shardBytes(RunConfig config) {
    return config.export().exportSize() * 1_000_000_000L;
  }

  /** Logits of the model with its adapters on top, which are then merged into it. */
  static List<float[]> sourceLogits(Decoder model, List<Path> adapters, List<int[]> prompts) {
    if (adapters.isEmpty()) {
      return ExportCheck.logits(model, prompts);
    }
    Adapters.mergeAll(model, adapters.subList(0, adapters.size() - 1));
    Adapters last = Adapters.open(model, adapters.getLast(), false);
    List<float[]> logits = ExportCheck.logits(model, prompts);
    last.merge();
    return logits;
  }

  /**
   * The dtype to write: infer_dtype, else the checkpoint's, but 16 bits instead of 32: bfloat16,
   * which has the range of float32.
   */
  private static DType dtype(RunConfig config, ModelSession session, Decoder model) {
    if (config.model().inferDtype() != WeightType.AUTO) {
      return InferenceModel.dtype(config.model().inferDtype());
    }
    JsonNode json = session.files().config().json();
    String named = json.path("dtype").asText(json.path("torch_dtype").asText(""));
    return switch (named) {
      case "float16" -> DType.F16;
      case "bfloat16", "float32" -> DType.BF16;
      default -> {
        DType stored = model.embedding().weight().value().dtype();
        yield stored == DType.F16 ? DType.F16 : DType.BF16;
      }
    };
  }

  /** Tokenizer and Modelfile. */
  private static void writeRest(Path folder, RunConfig config, ModelSession session)
      throws IOException {
    session.tokenizer().save(folder, PaddingSide.LEFT);
    if (config.export().exportDevice() == ExportDevice.CPU
        && config.data().cutoffLen() != USUAL_CUTOFF) {
      Path file = folder.resolve("tokenizer_config.json");
      ObjectNode json = (ObjectNode) JsonFiles.read(file);
      json.put("model_max_length", config.data().cutoffLen());
      JsonFiles.write(file, json, 2);
    }
    JsonFiles.writeText(folder.resolve(ExportFolder.MODELFILE), modelfile(session));
  }

  /**
   * The template for Ollama; without one, where it can't be put in words, Ollama guesses its own.
   */
  private static String modelfile(ModelSession session) {
    if (session.usesOwnTemplate()) {
      return ExportFolder.SIGNATURE
          + "\n# No TEMPLATE: no template was named, the checkpoint's own chat_template goes with"
          + " the files.\n\nFROM .\n";
    }
    try {
      String text = session.template().ollamaModelfile(session.tokenizer());
      return text.startsWith(ExportFolder.SIGNATURE)
          ? text
          : ExportFolder.SIGNATURE + "\n\n" + text;
    } catch (DataException notText) {
      return ExportFolder.SIGNATURE + "\n# No TEMPLATE: " + notText.getMessage() + "\n\nFROM .\n";
    }
  }

  private static Export written(
      Path folder,
      DType dtype,
      Decoder model,
      Optional<ExportCheck> check,
      Optional<QuantizationReport> quantization) {
    long parameters = model.parameters().values().stream().mapToLong(Parameter::size).sum();
    try (Stream<Path> entries = Files.list(folder)) {
      List<String> names = new ArrayList<>();
      long bytes = 0;
      for (Path file : (Iterable<Path>) entries.sorted()::iterator) {
        names.add(file.getFileName().toString());
        bytes += Files.size(file);
      }
      return new Export(folder, names, bytes, dtype.name(), parameters, check, quantization);
    } catch (IOException e) {
      throw new UncheckedIOException(folder + ": can't be listed: " + e.getMessage(), e);
    }
  }
}
