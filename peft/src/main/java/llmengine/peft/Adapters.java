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
 * An adapter on a model: low-rank updates (LoRA and its kin) or rotations (OFT) of linear layers,
 * updates of the token table, and modules trained whole. One at a time is attached; others are
 * merged into the weights before. While it is attached the model's own weights are frozen. Close it
 * before the model.
 */
public final class Adapters implements AutoCloseable {
  /** A parameter with its frozen value and the one that the adapter brings. */
  record Saved(Parameter parameter, Tensor base, Tensor own) {}

  private final Decoder model;
  private final AdapterConfig config;
  private final Scope scope;
  final Map<String, AdapterLayer> layers = new LinkedHashMap<>();
  LoraEmbedding embedding; // null for none
  final List<Saved> saved = new ArrayList<>();
  final Map<String, PissaBase> bases = new LinkedHashMap<>();
  private final List<Parameter> parameters = new ArrayList<>();
  private boolean enabled;

  private Adapters(Decoder model, AdapterConfig config) {
    this.model = model;
    this.config = config;
    this.scope = new Scope(model.backend(), "adapter");
  }

  /**
   * Attaches a fresh adapter, which does not change the model's results yet: A uniform as PEFT's
   * Kaiming initialisation (for the token table: A zero, B normal), B zero; with PiSSA both from
   * the weight, of which the rest stays; OFT's rotations turn nothing.
   *
   * @param seed the start of each matrix depends on this and its name only
   * @throws FormatException if a target is not in the model, or the method does not fit a layer
   */
  public static Adapters create(Decoder model, AdapterConfig config, long seed) {
    TargetNames.check(model, config.placement());
    AdapterConfig resolved = config.withPlacement(TargetNames.resolved(model, config.placement()));
    return attach(model, resolved, new FreshAdapter(seed), true);
  }

  /**
   * Attaches an adapter in PEFT's layout.
   *
   * @param trainable whether it is to be trained further
   * @throws FormatException if files and model don't fit together
   */
  public static Adapters open(Decoder model, Path directory, boolean trainable) {
    AdapterConfig config = AdapterConfigFile.read(directory);
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
      Decoder model, AdapterConfig config, AdapterWeights weights, boolean trainable) {
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
    AdapterParts parts = new AdapterParts(model, config, scope, parameters, bases);
    Placement placement = config.placement();
    String table = model.embedding().name();
    if (placement.isTarget(table) && !(placement.targets() instanceof Targets.All)) {
      embedding = parts.table(weights, table, trainable);
    }
    for (Linear linear : linears()) {
      if (placement.isTarget(linear.name())) {
        if (linear.name().equals("lm_head")) {
          weights.base(linear.name(), linear.weight(), model.scope());
        }
        layers.put(linear.name(), parts.layer(weights, linear, trainable));
      }
    }
    ModulesToSave.untie(model, placement.modulesToSave());
    for (Parameter p : ModulesToSave.of(model, placement.modulesToSave())) {
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

  /** All layers that can carry an update, the output projection last. */
  private List<Linear> linears() {
    List<Linear> all = new ArrayList<>(model.linears().values());
    all.add(model.output());
    return all;
  }

  public AdapterConfig config() {
    return config;
  }

  /** Floats kept for each token until the backward pass, over all layers. */
  public long floatsPerToken() {
    return layers.values().stream().mapToLong(AdapterLayer::floatsPerToken).sum();
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
      AdapterLayer layer = layers.get(linear.name());
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
    bases.values().forEach(base -> base.adapted(on));
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
      AdapterLayer layer = layers.get(linear.name());
      if (layer != null) {
        PissaBase split = bases.get(linear.name());
        Tensor base = split == null ? linear.weight().value() : split.rest();
        replace(linear.weight(), layer.merged(model.scope(), base));
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
    bases.values().forEach(split -> split.release(model));
    bases.clear();
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
    AdapterConfigWriter.write(directory, config, baseModel);
    enabled(on);
  }

  /** Whether the base weights were changed for the adapter, as by PiSSA. */
  public boolean changesBase() {
    return !bases.isEmpty();
  }

  /**
   * Writes a PiSSA adapter's start, as a plain adapter of what is left of the weights.
   *
   * @throws IllegalStateException if it is no PiSSA adapter
   */
  public void saveStart(Path directory, String baseModel) {
    requireChangedBase();
    StoredAdapter.writeStart(directory, model, this);
    AdapterConfigWriter.write(directory, plain(), baseModel);
  }

  /** Writes a PiSSA adapter as a plain adapter of what is left of the weights. */
  public void saveOnRest(Path directory, String baseModel) {
    requireChangedBase();
    StoredAdapter.write(directory, model, this);
    AdapterConfigWriter.write(directory, plain(), baseModel);
  }

  /**
   * Writes a PiSSA adapter as a plain one of twice the rank for the weights as they were: W + s (B
   * A - B0 A0), with A0 and B0 its start.
   *
   * @throws llmengine.engine.FormatException if rsLoRA and patterns are combined, whose scales
   *     can't be kept
   */
  public void saveConverted(Path directory, String baseModel) {
    requireChangedBase();
    LoraConfig lora = (LoraConfig) config;
    if (lora.rsLora() && !(lora.rankPattern().isEmpty() && lora.alphaPattern().isEmpty())) {
      throw new FormatException(
          "pissa_convert: expected no rank_pattern or alpha_pattern beside use_rslora, got both,"
              + " whose scales one alpha can't keep. Merge the adapter instead.");
    }
    StoredAdapter.writeConverted(directory, model, this);
    AdapterConfigWriter.write(directory, lora.doubled(), baseModel);
  }

  private LoraConfig plain() {
    return ((LoraConfig) config).withStart(new LoraStart.Plain());
  }

  private void requireChangedBase() {
    if (bases.isEmpty()) {
      throw new IllegalStateException("adapter: expected one that PiSSA started, got another");
    }
  }

  /** Takes the adapter off the model and gives its memory back. */
  @Override
  public void close() {
    enabled(false);
    bases.values().forEach(split -> split.release(model));
    bases.clear();
    parameters.clear();
    scope.close();
  }
}
