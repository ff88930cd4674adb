package llmengine.train.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import llmengine.engine.DType;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.train.model.ModelSession;

/** A whole model as a Hugging Face directory, without the tokenizer. */
public final class ModelFolder {
  /** The Trainer's default. */
  private static final long SHARD_BYTES = 5_000_000_000L;

  private ModelFolder() {}

  /** Writes weights in the dtypes they have in memory, and the configuration that belongs to them. */
  public static void write(Path folder, ModelSession session, Decoder model) throws IOException {
    DType dtype = null;
    for (Parameter p : model.parameters().values()) {
      if (p.value().shape().rank() == 2) { // vectors are float32 whatever the rest is
        dtype = p.value().dtype();
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
    JsonFiles.write(folder.resolve("config.json"), config(session, model, dtype), 2);
    ObjectNode generation = session.files().generationConfig();
    if (!generation.isEmpty()) {
      JsonFiles.write(folder.resolve("generation_config.json"), generation, 2);
    }
  }

  private static ObjectNode config(ModelSession session, Decoder model, DType dtype) {
    ObjectNode json = session.files().config().json().deepCopy();
    json.put("torch_dtype", name(dtype));
    json.remove("dtype");
    json.put("tie_word_embeddings", model.output().weight() == model.embedding().weight());
    return json;
  }

  /** PyTorch's name. */
  static String name(DType dtype) {
    return switch (dtype) {
      case F32 -> "float32";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      case I32, I8, U8 ->
          throw new IllegalArgumentException(
              "weights of type " + dtype.name().toLowerCase(Locale.ROOT));
    };
  }
}
