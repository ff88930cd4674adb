package llmengine.train.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import llmengine.engine.DType;
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
}
