package llmengine.peft;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.optim.TensorBytes;

/** {@code adapter_model.safetensors}: {@code base_model.model.<module>.lora_A.weight} and so on. */
final class StoredAdapter implements AdapterWeights, AutoCloseable {
  static final String NAME = "adapter_model.safetensors";
  static final String PREFIX = "base_model.model.";
  private static final String BASE = ".base_layer.weight";

  private final Path path;
  private final SafetensorsFile file;
  private final Set<String> unread;

  private StoredAdapter(Path path, SafetensorsFile file) {
    this.path = path;
    this.file = file;
    this.unread = new TreeSet<>(file.tensors().keySet());
  }

  static StoredAdapter open(Path directory) {
    Path path = directory.resolve(NAME);
    if (!Files.exists(path) && Files.exists(directory.resolve("adapter_model.bin"))) {
      throw new FormatException(
          directory
              + ": not supported yet: expected "
              + NAME
              + ", got adapter_model.bin. Load and save the adapter with a recent PEFT.");
    }
    return new StoredAdapter(path, SafetensorsFile.open(path));
  }

  @Override
  public boolean isStart() {
    return false;
  }

  @Override
  public void fill(String name, Tensor to) {
    StoredTensor stored = take(name);
    if (!name.endsWith(".lora_embedding_A")) {
      TensorBytes.read(path.toString(), stored, to);
      return;
    }
    try (Scope scratch = new Scope(to.backend(), "adapter file")) {
      Tensor wide = scratch.empty(DType.F32, to.cols(), to.rows()); // (R, V)
      TensorBytes.read(path.toString(), stored, wide);
      to.set(transposed(wide));
    }
  }

  @Override
  public void saved(Parameter parameter, Tensor to) {
    TensorBytes.read(path.toString(), take(PREFIX + parameter.name()), to);
  }

  @Override
  public void base(String module, Parameter weight, Scope scope) {
    String name = PREFIX + module + BASE;
    if (!unread.contains(name)) {
      return;
    }
    Tensor own = scope.empty(weight.value().dtype().writable(), weight.value().shape().dims());
    TensorBytes.read(path.toString(), take(name), own);
    weight.value(own);
  }

  private StoredTensor take(String name) {
    unread.remove(name);
    return file.tensor(name);
  }

  /** Complains about tensors that no layer of the model asked for. */
  void finish() {
    if (!unread.isEmpty()) {
      throw new FormatException(
          path
              + ": tensors that fit nowhere: expected only those of the layers that "
              + AdapterConfigFile.NAME
              + " names, got "
              + unread.stream().limit(3).toList()
              + (unread.size() > 3 ? " and " + (unread.size() - 3) + " more" : "")
              + ". Does the adapter belong to this model?");
    }
  }

  /** Writes an adapter's tensors, sorted by name as PEFT does. */
  static void write(Path directory, Decoder model, Adapters adapters) {
    List<TensorSource> tensors = new ArrayList<>();
    adapters
        .layers
        .values()
        .forEach(
            layer ->
                layer
                    .parameters()
                    .forEach(p -> tensors.add(TensorBytes.source(p.name(), p.value()))));
    write(directory, model, adapters, tensors);
  }

  /** Writes the start of an adapter that PiSSA started; what else it trains as it is. */
  static void writeStart(Path directory, Decoder model, Adapters adapters) {
    List<TensorSource> tensors = new ArrayList<>();
    adapters.layers.forEach(
        (name, layer) -> {
          SplitBase split = adapters.bases.get(name);
          List<Parameter> parts = layer.parameters();
          tensors.add(TensorBytes.source(parts.get(0).name(), split.start().a()));
          tensors.add(TensorBytes.source(parts.get(1).name(), split.start().b()));
          parts.stream().skip(2).forEach(p -> tensors.add(TensorBytes.source(p.name(), p.value())));
        });
    write(directory, model, adapters, tensors);
  }

  /** Writes [A; A0] and [B, -B0] of an adapter that PiSSA started. */
  static void writeConverted(Path directory, Decoder model, Adapters adapters) {
    List<TensorSource> tensors = new ArrayList<>();
    adapters.layers.forEach(
        (name, layer) -> {
          SplitBase split = adapters.bases.get(name);
          List<Parameter> parts = layer.parameters();
          tensors.add(below(parts.get(0), split.start().a()));
          tensors.add(besideNegated(parts.get(1), split.start().b()));
          parts.stream().skip(2).forEach(p -> tensors.add(TensorBytes.source(p.name(), p.value())));
        });
    write(directory, model, adapters, tensors);
  }

  private static void write(
      Path directory, Decoder model, Adapters adapters, List<TensorSource> tensors) {
    LoraEmbedding embedding = adapters.embedding;
    if (embedding != null) {
      tensors.add(embeddingA(embedding.a()));
      tensors.add(TensorBytes.source(embedding.b().name(), embedding.b().value()));
      tensors.add(
          TensorBytes.source(
              PREFIX + model.embedding().name() + BASE, model.embedding().weight().value()));
    }
    if (adapters.layers.containsKey("lm_head")) {
      tensors.add(TensorBytes.source(PREFIX + "lm_head" + BASE, model.output().weight().value()));
    }
    adapters.saved.forEach(
        s -> tensors.add(TensorBytes.source(PREFIX + s.parameter().name(), s.own())));
    tensors.sort(Comparator.comparing(TensorSource::name));
    new SafetensorsWriter().write(directory.resolve(NAME), tensors, SafetensorsWriter.PT_METADATA);
  }

  private static TensorSource below(Parameter a, Tensor start) {
    float[] upper = a.value().toFloats();
    float[] both = Arrays.copyOf(upper, 2 * upper.length);
    System.arraycopy(start.toFloats(), 0, both, upper.length, upper.length);
    return floats(a.name(), 2 * start.rows(), start.cols(), both);
  }

  private static TensorSource besideNegated(Parameter b, Tensor start) {
    float[] left = b.value().toFloats();
    float[] right = start.toFloats();
    int r = start.cols();
    float[] both = new float[2 * left.length];
    for (int n = 0; n < start.rows(); n++) {
      for (int i = 0; i < r; i++) {
        both[n * 2 * r + i] = left[n * r + i];
        both[n * 2 * r + r + i] = -right[n * r + i];
      }
    }
    return floats(b.name(), start.rows(), 2 * r, both);
  }

  private static TensorSource floats(String name, int rows, int cols, float[] values) {
    return new TensorSource(
        name,
        SafetensorsType.F32,
        new long[] {rows, cols},
        out -> out.write(MemorySegment.ofArray(values)));
  }

  private static TensorSource embeddingA(Parameter a) {
    return floats(a.name(), a.value().cols(), a.value().rows(), transposed(a.value())); // (R, V)
  }

  private static float[] transposed(Tensor t) {
    float[] values = t.toFloats();
    float[] out = new float[values.length];
    for (int r = 0; r < t.rows(); r++) {
      for (int c = 0; c < t.cols(); c++) {
        out[c * t.rows() + r] = values[r * t.cols() + c];
      }
    }
    return out;
  }

  @Override
  public void close() {
    file.close();
  }
}
