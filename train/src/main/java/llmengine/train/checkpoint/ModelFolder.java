package llmengine.train.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.DType;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.train.model.ModelSession;

/** A whole model as a Hugging Face directory, without the tokenizer. */
public final class ModelFolder {
  /** The Trainer's default. */
  private static final long SHARD_BYTES = 5_000_000_000L;

  private ModelFolder() {}

  /**
   * Writes weights in the dtype they have in memory, and the configuration that belongs to them.
   */
  public static void write(Path folder, ModelSession session, Decoder model) throws IOException {
    DType dtype = null;
    for (Parameter p : model.parameters().values()) {
      if (p.value().shape().rank() == 2) { // vectors are float32 whatever the rest is
        dtype = p.value().dtype().writable();
      }
    }
    write(folder, session, model, dtype, SHARD_BYTES);
  }

  /**
   * @param dtype to store all weights in
   */
  public static void write(
      Path folder, ModelSession session, Decoder model, DType dtype, long maxShardBytes)
      throws IOException {
    WeightFiles.writeModel(folder, model, dtype, maxShardBytes);
    JsonFiles.write(folder.resolve("config.json"), ModelJson.model(session, model, dtype), 2);
    JsonFiles.write(folder.resolve("generation_config.json"), ModelJson.generation(session), 2);
  }

  /**
   * Writes a quantized model.
   *
   * @param dtype of what is not quantized
   * @param weights all tensors as they are stored
   * @param quantization {@code quantization_config} of config.json
   */
  public static void write(
      Path folder,
      ModelSession session,
      Decoder model,
      DType dtype,
      List<TensorSource> weights,
      ObjectNode quantization,
      long maxShardBytes)
      throws IOException {
    WeightFiles.writeModel(folder, weights, maxShardBytes);
    ObjectNode json = ModelJson.model(session, model, dtype);
    json.set("quantization_config", quantization);
    JsonFiles.write(folder.resolve("config.json"), json, 2);
    JsonFiles.write(folder.resolve("generation_config.json"), ModelJson.generation(session), 2);
  }
}
