package llmengine.peft;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * A LoRA adapter on a model: low-rank updates of linear layers and of the token table, and modules
 * trained whole. One at a time is attached; others are merged into the weights before. While it is
 * attached the model's own weights are frozen. Close it before the model.
 */
public final class Adapters implements AutoCloseable {
  /** A parameter with its frozen value and the one that the adapter brings. */
  record Saved(Parameter parameter, Tensor base, Tensor own) {}

  private final Decoder model;
  private final LoraConfig config;
  private final Scope scope;
  final Map<String, LoraLayer> layers = new LinkedHashMap<>();
  LoraEmbedding embedding; // null for none
  final List<Saved> saved = new ArrayList<>();
  private final List<Parameter> parameters = new ArrayList<>();
  private boolean enabled;

  private Adapters(Decoder model, LoraConfig config) {
    this.model = model;
    this.config = config;
    this.scope = new Scope(model.backend(), "adapter");
  }

  /**
   * Attaches a fresh adapter, which does not change the model's results yet: A uniform as PEFT's
   * Kaiming initialisation (for the token table: A zero, B normal), B zero.
   *
   * @param seed the start of each matrix depends on this and its name only
   * @throws FormatException if a target is not in the model
   */
  public static Adapters create(Decoder model, LoraConfig config, long seed) {
    TargetNames.check(model, config);
    return attach(model, TargetNames.resolved(model, config), new FreshAdapter(seed), true);
  }

  /**
   * Attaches an adapter in PEFT's layout.
   *
   * @param trainable whether it is to be trained further
   * @throws FormatException if files and model don't fit together
   */
  public static Adapters open(Decoder model, Path directory, boolean trainable) {
    LoraConfig config = AdapterConfigFile.read(directory);
    try (StoredAdapter stored = StoredAdapter.open(directory)) {
      Adapters adapters = attach(model, config, stored, trainable);
      try {
        stored.finish();
      } catch (FormatException e) {
        adapters.close();
        throw e;
      }
      return adapters;
    }
  }

  /** Merges all adapters into the weights, one after another: inference, export, new adapters. */
  public static void mergeAll(Decoder model, List<Path> directories) {
    for (Path directory : directories) {
      open(model, directory, false).merge();
    }
  }

  /** Merges all adapters but the last into the weights and goes on training the last. */
  public static Adapters resume(Decoder model, List<Path> directories) {
    mergeAll(model, directories.subList(0, directories.size() - 1));
    return open(model, directories.getLast(), true);
  }

  private static Adapters attach(
      Decoder model, LoraConfig config, AdapterWeights weights, boolean trainable) {
    if (model.embedding().adapter().isPresent()
        || model.output().adapter().isPresent()
        || model.linears().values().stream().anyMatch(l -> l.adapter().isPresent())) {
      throw new IllegalStateException(
          "adapter: the model has one already: expected none, got one. Merge or close it first.");
    }
    Adapters adapters = new Adapters(model, config);
    try {
      model.parameters().values().forEach(p -> p.trainable(false));
      adapters.build(weights, trainable);
    } catch (RuntimeException e) {
      adapters.close();
      throw e;
    }
    adapters.enabled(true);
    return adapters;
  }

  private void build(AdapterWeights weights, boolean trainable) {
    String table = model.embedding().name();
    if (config.isTarget(table) && !(config.targets() instanceof Targets.All)) {
      int r = config.rankOf(table);
      int vocab = model.embedding().weight().value().rows();
      int width = model.embedding().weight().value().cols();
      String at = StoredAdapter.PREFIX + table + ".lora_embedding_";
      weights.base(table, model.embedding().weight(), model.scope());
      embedding =
          new LoraEmbedding(
              parameter(weights, at + "A", trainable, vocab, r),
              parameter(weights, at + "B", trainable, width, r),
              config.scaleOf(table));
    }
    for (Linear linear : linears()) {
      if (config.isTarget(linear.name())) {
        layer(weights, linear, trainable);
      }
    }
    ModulesToSave.untie(model, config.modulesToSave());
    for (Parameter p : ModulesToSave.of(model, config.modulesToSave())) {
      if (isQuantized(p)) {
        throw new FormatException(
            "additional_target: "
                + p.name()
                + ": a quantized weight is frozen: expected a plain weight, got "
                + p.value().packing().name()
                + ". Remove the module from additional_target.");
      }
      Tensor own = scope.empty(DType.F32, p.value().shape().dims());
      model.backend().copy(p.value(), own);
      weights.saved(p, own);
      saved.add(new Saved(p, p.value(), own.needsGrad(trainable)));
      parameters.add(p);
    }
  }

  private void layer(AdapterWeights weights, Linear linear, boolean trainable) {
    String name = linear.name();
    int r = config.rankOf(name);
    String at = StoredAdapter.PREFIX + name + ".lora_";
    if (name.equals("lm_head")) {
      weights.base(name, linear.weight(), model.scope());
    }
    layers.put(
        name,
        new LoraLayer(
            parameter(weights, at + "A.weight", trainable, r, linear.inFeatures()),
            parameter(weights, at + "B.weight", trainable, linear.outFeatures(), r),
            config.scaleOf(name),
            (float) config.dropout()));
  }

  private Parameter parameter(AdapterWeights weights, String name, boolean trainable, int... dims) {
    Parameter p = new Parameter(name, scope.empty(DType.F32, dims));
    weights.fill(name, p.value());
    p.trainable(trainable);
    parameters.add(p);
    return p;
  }

  /** All layers that can carry an update, the output projection last. */
  private List<Linear> linears() {
    List<Linear> all = new ArrayList<>(model.linears().values());
    all.add(model.output());
    return all;
  }

  public LoraConfig config() {
    return config;
  }

  /** The adapter's parameters, those of whole modules last. */
  public List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  public boolean isEnabled() {
    return enabled;
  }

  /** Switches the adapter off, so that the model computes what it did without it, or on again. */
  public void enabled(boolean on) {
    enabled = on;
    for (Linear linear : linears()) {
      LoraLayer layer = layers.get(linear.name());
      if (layer != null) {
        linear.adapter(on ? layer : null);
      }
    }
    if (embedding != null) {
      model.embedding().adapter(on ? embedding : null);
    }
    for (Saved s : saved) {
      s.parameter().value(on ? s.own() : s.base());
    }
  }

  /**
   * Adds the adapter to the model's weights, in float32 and rounded once to the dtype the weights
   * have, and closes it. A model with tied embeddings is untied where the two differ afterwards.
   *
   * @throws FormatException if a weight is quantized: rounding it again would undo part of the
   *     update
   */
  public void merge() {
    enabled(false);
    for (Linear linear : linears()) {
      if (layers.containsKey(linear.name()) && isQuantized(linear.weight())) {
        close();
        throw new FormatException(
            linear.weight().name()
                + ": adapters can't be merged into a quantized model: expected a plain weight, got "
                + linear.weight().value().packing().name()
                + ". Merge the adapter into the model as it was before quantization, or use a"
                + " single adapter, which stays beside the weights.");
      }
    }
    if (embedding != null || layers.containsKey("lm_head")) {
      ModulesToSave.untie(model);
    }
    if (embedding != null) {
      Parameter table = model.embedding().weight();
      replace(table, embedding.merged(model.scope(), table.value()));
    }
    for (Linear linear : linears()) {
      LoraLayer layer = layers.get(linear.name());
      if (layer != null) {
        replace(linear.weight(), layer.merged(model.scope(), linear.weight().value()));
      }
    }
    for (Saved s : saved) {
      Tensor kept = model.scope().empty(s.base().dtype().writable(), s.base().shape().dims());
      model.backend().copy(s.own(), kept);
      replace(s.parameter(), kept);
    }
    layers.clear();
    embedding = null;
    saved.clear();
    close();
  }

  /** Packed by a quantizer, to stay as it is. */
  private static boolean isQuantized(Parameter p) {
    return p.value().dtype() == DType.PACKED && !p.value().packing().isReplaceable();
  }

  private void replace(Parameter p, Tensor value) {
    ModulesToSave.replace(model, p, value);
  }

  /**
   * Writes {@code adapter_config.json} and {@code adapter_model.safetensors} as PEFT does.
   *
   * @param baseModel what the adapter belongs to, as {@code base_model_name_or_path}
   */
  public void save(Path directory, String baseModel) {
    boolean on = enabled;
    enabled(true);
    StoredAdapter.write(directory, model, this);
    AdapterConfigFile.write(directory, config, baseModel);
    enabled(on);
  }

  /** Takes the adapter off the model and gives its memory back. */
  @Override
  public void close() {
    enabled(false);
    parameters.clear();
    scope.close();
  }
}
