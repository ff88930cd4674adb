package llmengine.quant.ptq;

import java.util.Locale;
import java.util.Optional;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.quant.QuantizationSettings;
import llmengine.quant.StoredQuantization;

/** Layers that AutoAWQ saved in its GEMM version: see {@link Awq}. */
public final class AwqCheckpoint implements StoredQuantization {
  private final int groupSize; // -1: all inputs

  /**
   * @throws llmengine.engine.FormatException if the settings describe another layout
   */
  public AwqCheckpoint(QuantizationSettings settings) {
    String bits = settings.json().hasNonNull("w_bit") ? "w_bit" : "bits";
    if (settings.number(bits, 4, 1, 64) != 4) {
      throw settings.bad(bits, "4", "can't be used");
    }
    groupSize = settings.groupSize(128);
    String key = settings.json().hasNonNull("version") ? "version" : "format";
    if (!settings.text(key, "gemm").toLowerCase(Locale.ROOT).equals("gemm")) {
      throw settings.bad(key, "gemm", "this layout can't be read");
    }
    if (!settings.flag("zero_point", true)) {
      throw settings.bad("zero_point", "true", "the GEMM layout has zero points");
    }
  }

  @Override
  public String method() {
    return "awq";
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(StoredParts.module(name) + ".qweight").isPresent();
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    StoredParts parts = StoredParts.of(scope, checkpoint, name);
    if (!parts.has(".qweight")) {
      return Optional.empty();
    }
    int group = groupSize == -1 ? cols : groupSize;
    if (rows % 8 != 0 || cols % group != 0) {
      throw parts.bad(
          ".qweight",
          "outputs in eights and inputs in whole groups of " + group,
          "(" + rows + ", " + cols + ") by the configuration");
    }
    Tensor codes = parts.codes(".qweight", SafetensorsType.I32, cols, rows / 8);
    Tensor zeros = parts.codes(".qzeros", SafetensorsType.I32, cols / group, rows / 8);
    SideValues scales =
        parts.floats(".scales", cols / group, rows).check(parts.where(".scales"), true);
    return Optional.of(scope.pack(new Awq(group, codes, zeros, scales)));
  }
}
