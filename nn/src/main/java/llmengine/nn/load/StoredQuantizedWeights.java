package llmengine.nn.load;

import java.util.Optional;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.nn.WeightSource;
import llmengine.quant.StoredQuantization;

/**
 * Weights of a quantized Hugging Face directory: matrices that the quantizer packed stay packed, in
 * the mapped files; biases, norms, the token table and layers that it left alone are plain.
 */
final class StoredQuantizedWeights implements WeightSource {
  private final SafetensorsWeights plain;
  private final StoredQuantization quantization;

  /**
   * @param tied whether the output layer is the token table, which is never packed
   */
  StoredQuantizedWeights(SafetensorsWeights plain, StoredQuantization quantization, boolean tied) {
    this.plain = plain;
    this.quantization = quantization;
    Checkpoint checkpoint = plain.checkpoint();
    if (tied
        && quantization.holds(checkpoint, "lm_head.weight")
        && checkpoint.find("lm_head.weight").isEmpty()) {
      throw new FormatException(
          checkpoint.path()
              + ": lm_head: a quantized output layer beside tie_word_embeddings true: expected"
              + " tie_word_embeddings false in config.json, got true. Correct config.json.");
    }
  }

  @Override
  public boolean has(String name) {
    return plain.has(name) || quantization.holds(plain.checkpoint(), name);
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    Optional<Tensor> packed =
        shape.length == 2
            ? quantization.load(scope, plain.checkpoint(), name, shape[0], shape[1])
            : Optional.empty();
    return packed.isPresent() ? packed.get() : plain.load(scope, name, shape);
  }
}
