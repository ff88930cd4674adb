package llmengine.train.plan;

import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import llmengine.engine.DType;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.StoredTensor;
import llmengine.nn.load.GgufWeights;
import llmengine.nn.load.Pretrained;
import llmengine.quant.StoredQuantization;
import llmengine.train.plan.WeightList.Weight;

/**
 * In which dtype each weight of a checkpoint is held once it is loaded, from the files' headers.
 */
final class StoredTypes {
  /**
   * How one weight is held.
   *
   * @param bytes that it takes
   */
  record Stored(DType dtype, long bytes) {
    private Stored(DType dtype, Weight w) {
      this(dtype, w.size() * dtype.bytes());
    }
  }

  private StoredTypes() {}

  /** In the order of {@code weights}. */
  static List<Stored> of(Pretrained files, List<Weight> weights) {
    if (files.weights() instanceof GgufWeights gguf) {
      return weights.stream().map(w -> of(gguf, w)).toList();
    }
    Optional<StoredQuantization> quantization = files.quantization();
    try (Checkpoint checkpoint = Checkpoint.open(files.path())) {
      NavigableMap<String, StoredTensor> tensors = new TreeMap<>(checkpoint.tensors());
      Function<Weight, DType> type =
          w ->
              w.isMatrix()
                  ? checkpoint.find(w.name()).map(t -> plain(t.type().name())).orElse(DType.F32)
                  : DType.F32;
      return weights.stream()
          .map(
              w ->
                  quantization.isPresent() && quantization.get().holds(checkpoint, w.name())
                      ? new Stored(DType.PACKED, packedBytes(tensors, w))
                      : new Stored(type.apply(w), w))
          .toList();
    }
  }

  /** All tensors of a quantized layer but its bias. */
  private static long packedBytes(NavigableMap<String, StoredTensor> tensors, Weight w) {
    String module = w.module() + ".";
    return tensors.subMap(module, module + Character.MAX_VALUE).values().stream()
        .filter(t -> !t.name().equals(module + "bias"))
        .mapToLong(t -> t.data().byteSize())
        .sum();
  }

  private static Stored of(GgufWeights gguf, Weight w) {
    return gguf.stored(w.name())
        .filter(t -> w.isMatrix())
        .map(
            t ->
                gguf.isPacked(w.name(), t)
                    ? new Stored(DType.PACKED, t.data().byteSize())
                    : new Stored(plain(t.type().name()), w))
        .orElseGet(() -> new Stored(DType.F32, w));
  }

  /** Sixteen-bit floats stay as they are stored; everything else becomes float32. */
  private static DType plain(String type) {
    return switch (type) {
      case "BF16" -> DType.BF16;
      case "F16" -> DType.F16;
      default -> DType.F32;
    };
  }
}
