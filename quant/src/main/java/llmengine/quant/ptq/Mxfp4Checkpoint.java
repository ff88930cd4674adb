package llmengine.quant.ptq;

import java.util.Optional;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.quant.StoredQuantization;

/**
 * Layers in MXFP4: beside a weight's name stand {@code <weight>_blocks} (N, K / 32, 16) and {@code
 * <weight>_scales} (N, K / 32), U8; see {@link Mxfp4}. Weights stay packed, where LLaMA-Factory
 * dequantizes them.
 */
public final class Mxfp4Checkpoint implements StoredQuantization {
  @Override
  public String method() {
    return "mxfp4";
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(name + "_blocks").isPresent();
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    return holds(checkpoint, name)
        ? Optional.of(expert(scope, checkpoint, name, 0, 1, rows, cols))
        : Optional.empty();
  }

  /**
   * The matrix (N, K) of one of {@code experts} experts, whose tensors have them as outermost
   * dimension; a single linear layer has none.
   */
  static Tensor expert(
      Scope scope,
      Checkpoint checkpoint,
      String name,
      int expert,
      int experts,
      int rows,
      int cols) {
    StoredParts parts = new StoredParts(scope, checkpoint, name);
    if (cols % 32 != 0) {
      throw parts.bad("_blocks", "inputs in blocks of 32", cols + " by the configuration");
    }
    boolean one = experts == 1;
    int[] blocks = one ? new int[] {rows, cols / 32, 16} : new int[] {experts, rows, cols / 32, 16};
    int[] scales = one ? new int[] {rows, cols / 32} : new int[] {experts, rows, cols / 32};
    Mxfp4 packing =
        new Mxfp4(
            parts.codes("_blocks", SafetensorsType.U8, blocks),
            parts.codes("_scales", SafetensorsType.U8, scales),
            Math.multiplyExact(expert, rows),
            rows,
            cols);
    packing.checkExponents(parts.where("_scales"));
    return scope.pack(packing);
  }
}
