package llmengine.peft;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
            layer -> {
              tensors.add(TensorBytes.source(layer.a().name(), layer.a().value()));
              tensors.add(TensorBytes.source(layer.b().name(), layer.b().value()));
            });
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

  private static TensorSource embeddingA(Parameter a) {
    long[] shape = {a.value().cols(), a.value().rows()}; // (R, V)
    return new TensorSource(
        a.name(),
        SafetensorsType.F32,
        shape,
        out -> out.write(MemorySegment.ofArray(transposed(a.value()))));
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
