package llmengine.train.plan;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import llmengine.engine.DType;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.GgufFile;
import llmengine.nn.load.Pretrained;
import llmengine.train.plan.WeightList.Weight;

/**
 * In which dtype each weight of a checkpoint is held once it is loaded, from the files' headers.
 */
final class StoredTypes {
  private StoredTypes() {}

  /** The dtypes in the order of {@code weights}. */
  static List<DType> of(Pretrained files, List<Weight> weights) {
    if (files.path().toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
      try (GgufFile file = GgufFile.open(files.path())) {
        // one type for all matrices but a few: that of the first feed-forward layer tells
        DType dtype =
            file.find("blk.0.ffn_down.weight").map(t -> plain(t.type().name())).orElse(DType.F32);
        return weights.stream().map(w -> w.isMatrix() ? dtype : DType.F32).toList();
      }
    }
    try (Checkpoint checkpoint = Checkpoint.open(files.path())) {
      Function<Weight, DType> type =
          w ->
              w.isMatrix()
                  ? checkpoint.find(w.name()).map(t -> plain(t.type().name())).orElse(DType.F32)
                  : DType.F32;
      return weights.stream().map(type).toList();
    }
  }

  /** Sixteen-bit floats stay as they are stored; everything else is decoded to float32. */
  private static DType plain(String type) {
    return switch (type) {
      case "BF16" -> DType.BF16;
      case "F16" -> DType.F16;
      default -> DType.F32;
    };
  }
}
