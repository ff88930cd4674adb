package llmengine.nn.load;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.GgufFile;
import llmengine.nn.Decoder;
import llmengine.nn.WeightSource;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.Family;
import llmengine.nn.model.ModelConfig;
import llmengine.quant.StoredQuantization;
import llmengine.quant.StoredQuantizations;
import llmengine.quant.WeightQuantizer;

/**
 * A checkpoint on disk: a Hugging Face directory or a GGUF file. Opening reads the configuration
 * only. Models made by {@link #load} use the mapped files, so close this after them.
 */
public final class Pretrained implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path path;
  private final ModelConfig config;
  private final DecoderSpec spec;
  private final GgufFile gguf; // null for a directory
  private Checkpoint checkpoint;

  private Pretrained(Path path, ModelConfig config, GgufFile gguf) {
    this.path = path;
    this.config = config;
    this.gguf = gguf;
    this.spec = Family.of(config);
  }

  /**
   * @param path a directory with {@code config.json} or a file ending with {@code .gguf}
   * @throws FormatException if it is neither, or of a family that is not supported
   */
  public static Pretrained open(Path path) {
    if (Files.isRegularFile(path) && path.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
      GgufFile gguf = GgufFile.open(path);
      try {
        return new Pretrained(path, new ModelConfig(path.toString(), GgufConfig.of(gguf)), gguf);
      } catch (FormatException bad) {
        gguf.close();
        throw bad;
      }
    }
    Path file = path.resolve("config.json");
    if (!Files.isRegularFile(file)) {
      throw new FormatException(
          path
              + ": not a checkpoint: expected a directory with config.json or a .gguf file, got "
              + (Files.exists(path) ? "something else" : "nothing")
              + ". Point model_name_or_path to a Hugging Face directory or a GGUF file.");
    }
    return new Pretrained(path, new ModelConfig(file.toString(), readObject(file)), null);
  }

  public Path path() {
    return path;
  }

  public ModelConfig config() {
    return config;
  }

  public DecoderSpec spec() {
    return spec;
  }

  /** {@code generation_config.json}, empty if the checkpoint has none. */
  public ObjectNode generationConfig() {
    Path file = path.resolve("generation_config.json");
    return gguf == null && Files.isRegularFile(file) ? readObject(file) : JSON.createObjectNode();
  }

  /** Metadata of a GGUF file, from which its tokenizer is made; empty for a directory. */
  public Optional<Map<String, Object>> ggufMetadata() {
    return Optional.ofNullable(gguf).map(GgufFile::metadata);
  }

  /** The weights, by Hugging Face name. */
  public WeightSource weights() {
    if (gguf != null) {
      return new GgufWeights(gguf, spec, GgufConfig.architecture(gguf));
    }
    if (checkpoint == null) {
      checkpoint = Checkpoint.open(path);
    }
    SafetensorsWeights plain = new SafetensorsWeights(checkpoint);
    return quantization()
        .<WeightSource>map(q -> new StoredQuantizedWeights(plain, q, spec.tied()))
        .orElse(plain);
  }

  /**
   * How the checkpoint is quantized ({@code quantization_config}); empty if its weights are plain,
   * as those of a GGUF file are here. A quantized model is trained by LoRA only, without DoRA
   * unless its method is {@code bitsandbytes}, and adapters can't be merged into it.
   *
   * @throws FormatException if it is quantized in a way that can't be read
   */
  public Optional<StoredQuantization> quantization() {
    JsonNode settings = config.json().path("quantization_config");
    return gguf == null && settings.isObject()
        ? Optional.of(StoredQuantizations.of(path.resolve("config.json").toString(), settings))
        : Optional.empty();
  }

  /** A model with the stored weights. */
  public Decoder load(Backend backend) {
    return load(backend, spec);
  }

  /** A model with the stored weights and a changed specification, e.g. another rope scaling. */
  public Decoder load(Backend backend, DecoderSpec changed) {
    return new Decoder(backend, changed, weights());
  }

  /**
   * A model whose blocks' linear layers are packed while they are read.
   *
   * @param rounding the dtype that weights are rounded to before; F32 for none
   */
  public Decoder load(
      Backend backend, DecoderSpec changed, WeightQuantizer quantizer, DType rounding) {
    return new Decoder(backend, changed, new QuantizingWeights(weights(), quantizer, rounding));
  }

  /** Whether a weight of this name and rank is a linear layer within a block. */
  public static boolean isQuantizable(String name, int rank) {
    return rank == 2 && name.startsWith("model.layers.");
  }

  /** A model of this configuration with fresh weights. */
  public Decoder fromScratch(Backend backend, long seed) {
    return fromScratch(backend, spec, seed);
  }

  /** A model of this configuration, with a changed specification, and fresh weights. */
  public Decoder fromScratch(Backend backend, DecoderSpec changed, long seed) {
    double range = config.json().path("initializer_range").asDouble(0.02);
    return new Decoder(backend, changed, new RandomWeights(seed, range, spec.normOffset()));
  }

  private static ObjectNode readObject(Path file) {
    try {
      if (JSON.readTree(file.toFile()) instanceof ObjectNode object) {
        return object;
      }
      throw new FormatException(file + ": expected a JSON object, got something else.");
    } catch (JacksonException e) {
      throw new FormatException(
          file
              + ": not valid JSON: "
              + e.getOriginalMessage()
              + " at line "
              + e.getLocation().getLineNr()
              + ".",
          e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": can't be read: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    if (gguf != null) {
      gguf.close();
    }
    if (checkpoint != null) {
      checkpoint.close();
    }
  }
}
