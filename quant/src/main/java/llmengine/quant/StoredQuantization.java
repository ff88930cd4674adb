package llmengine.quant;

import java.util.Optional;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;

/**
 * How the linear layers of a checkpoint were stored by a quantizer: what {@code
 * quantization_config} in its {@code config.json} describes.
 */
public interface StoredQuantization {
  /** {@code quant_method} of the configuration, e.g. {@code gptq}. */
  String method();

  /** Whether the checkpoint has the weight {@code name} in packed form: {@link #load} gives it. */
  boolean holds(Checkpoint checkpoint, String name);

  /**
   * The matrix (N, K) that {@code name} stands for, as a PACKED tensor over the mapped file where
   * the layout allows it; empty if this layer is stored as a plain tensor.
   *
   * @param name of the weight in the plain checkpoint, e.g. {@code
   *     model.layers.0.mlp.up_proj.weight}
   * @throws llmengine.engine.FormatException if its tensors are missing or don't fit together
   */
  Optional<Tensor> load(Scope scope, Checkpoint checkpoint, String name, int rows, int cols);
}
