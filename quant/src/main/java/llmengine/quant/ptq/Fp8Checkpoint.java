package llmengine.quant.ptq;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.QuantizationSettings;
import llmengine.quant.StoredQuantization;

/**
 * Layers in 8-bit floats: {@code x.weight} (N, K) F8_E4M3 and {@code x.weight_scale_inv}, one scale
 * for each block of {@code weight_block_size}, or one for all. Scales of activations are not used:
 * activations are not quantized here. Weights stay packed, where LLaMA-Factory dequantizes them.
 */
public final class Fp8Checkpoint implements StoredQuantization {
  private final int blockRows; // 0: one scale for the matrix
  private final int blockCols;

  /**
   * @throws llmengine.engine.FormatException if the settings describe another layout
   */
  public Fp8Checkpoint(QuantizationSettings settings) {
    JsonNode block = settings.json().path("weight_block_size");
    boolean blocks = !block.isMissingNode() && !block.isNull();
    if (blocks
        && (block.size() != 2
            || !block.get(0).canConvertToInt()
            || !block.get(1).canConvertToInt()
            || block.get(0).asInt() < 1
            || block.get(1).asInt() < 1)) {
      throw settings.bad("weight_block_size", "two whole numbers above 0", "can't be used");
    }
    blockRows = blocks ? block.get(0).asInt() : 0;
    blockCols = blocks ? block.get(1).asInt() : 0;
    String format = settings.text("fmt", "e4m3");
    if (!format.equals("e4m3")) {
      throw settings.bad("fmt", "e4m3", "can't be read");
    }
  }

  @Override
  public String method() {
    return "fp8";
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(name).filter(t -> t.type().bits() == 8).isPresent();
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    if (!holds(checkpoint, name)) {
      return Optional.empty();
    }
    StoredParts parts = StoredParts.of(scope, checkpoint, name);
    StoredTensor stored = parts.stored(".weight");
    if (stored.type() != SafetensorsType.F8_E4M3) {
      throw parts.bad(".weight", "dtype F8_E4M3", stored.type().toString());
    }
    parts.requireShape(".weight", stored, rows, cols);
    Tensor codes = scope.map(stored.data(), DType.U8, rows, cols);
    int height = blockRows == 0 ? rows : blockRows;
    int width = blockCols == 0 ? cols : blockCols;
    String scale = ".weight_scale_inv";
    SideValues scales =
        blockRows == 0
            ? parts.floatsOfCount(scale, 1)
            : parts.floats(scale, Math.ceilDiv(rows, height), Math.ceilDiv(cols, width));
    scales.check(parts.where(scale), true);
    return Optional.of(scope.pack(new Fp8Matrix(SmallFloat.E4M3FN, codes, scales, height, width)));
  }
}
