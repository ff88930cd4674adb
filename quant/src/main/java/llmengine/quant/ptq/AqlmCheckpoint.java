package llmengine.quant.ptq;

import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.QuantizationSettings;
import llmengine.quant.StoredQuantization;

/** Layers that AQLM saved: {@code x.codes}, {@code x.codebooks} and {@code x.scales}. */
public final class AqlmCheckpoint implements StoredQuantization {
  private final int bits;
  private final int codebooks;
  private final int outGroup;
  private final int inGroup;

  /**
   * @throws llmengine.engine.FormatException if the settings describe another layout
   */
  public AqlmCheckpoint(QuantizationSettings settings) {
    bits = settings.number("nbits_per_codebook", 16, 1, 16);
    codebooks = settings.number("num_codebooks", 1, 1, 64);
    outGroup = settings.number("out_group_size", 1, 1, 1024);
    inGroup = settings.number("in_group_size", 8, 1, 1024);
  }

  @Override
  public String method() {
    return "aqlm";
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(StoredParts.module(name) + ".codes").isPresent();
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    StoredParts parts = StoredParts.of(scope, checkpoint, name);
    if (!parts.has(".codes")) {
      return Optional.empty();
    }
    if (rows % outGroup != 0 || cols % inGroup != 0) {
      throw parts.bad(
          ".codes",
          "sizes in whole blocks of " + outGroup + " by " + inGroup,
          "(" + rows + ", " + cols + ") by the configuration");
    }
    StoredTensor codes = parts.stored(".codes");
    SafetensorsType type = bits > 8 ? SafetensorsType.I16 : SafetensorsType.I8;
    if (codes.type() != type) {
      throw parts.bad(".codes", "dtype " + type, codes.type().toString());
    }
    parts.requireShape(".codes", codes, rows / outGroup, cols / inGroup, codebooks);
    SideValues entries = parts.floats(".codebooks", codebooks, 1 << bits, outGroup, inGroup);
    SideValues scales = parts.floatsOfCount(".scales", rows / outGroup);
    int codeBytes = codebooks * type.bits() / 8;
    return Optional.of(
        scope.pack(
            new Aqlm(
                rows,
                cols,
                bits,
                outGroup,
                inGroup,
                codebooks,
                scope.map(codes.data(), DType.U8, rows / outGroup, cols / inGroup, codeBytes),
                entries.check(parts.where(".codebooks"), false),
                scales.check(parts.where(".scales"), true))));
  }
}
