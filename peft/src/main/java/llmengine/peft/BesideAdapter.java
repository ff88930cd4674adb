package llmengine.peft;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/** An adapter that leaves its model as it is, so that others can be beside it. */
final class BesideAdapter implements AutoCloseable {
  private final Scope scope;
  private final Map<String, AdapterLayer> layers = new LinkedHashMap<>();
  private LoraEmbedding embedding; // null for none

  private BesideAdapter(Scope scope) {
    this.scope = scope;
  }

  /**
   * An adapter in PEFT's layout.
   *
   * @throws FormatException if files and model don't fit together, or the adapter changes more than
   *     layers: modules trained whole, other base weights
   */
  static BesideAdapter open(Decoder model, Path directory) {
    AdapterConfig config = AdapterConfigFile.read(directory);
    Placement placement = config.placement();
    if (!placement.modulesToSave().isEmpty()) {
      throw refused(directory, "modules_to_save " + placement.modulesToSave());
    }
    if (config instanceof LoraConfig lora && !(lora.start() instanceof LoraStart.Plain)) {
      throw refused(directory, "init_lora_weights " + lora.start());
    }
    BesideAdapter adapter = new BesideAdapter(new Scope(model.backend(), "adapter"));
    try (StoredAdapter stored = StoredAdapter.open(directory)) {
      adapter.fill(model, config, new OwnBase(stored, directory));
      stored.finish();
    } catch (RuntimeException e) {
      adapter.close();
      throw e;
    }
    return adapter;
  }

  private static FormatException refused(Path directory, String what) {
    return new FormatException(
        directory
            + ": an adapter beside others changes layers only: expected no modules trained whole"
            + " and no other base weights, got "
            + what
            + ". Merge it into the model and serve that.");
  }

  private void fill(Decoder model, AdapterConfig config, AdapterWeights weights) {
    AdapterParts parts =
        new AdapterParts(model, config, scope, new ArrayList<>(), new LinkedHashMap<>());
    Placement placement = config.placement();
    String table = model.embedding().name();
    if (placement.isTarget(table) && !(placement.targets() instanceof Targets.All)) {
      embedding = parts.table(weights, table, false);
    }
    List<Linear> linears = new ArrayList<>(model.linears().values());
    linears.add(model.output());
    for (Linear linear : linears) {
      if (placement.isTarget(linear.name())) {
        if (linear == model.output()) {
          weights.base(linear.name(), linear.weight(), scope);
        }
        AdapterLayer layer = parts.layer(weights, linear, false);
        if (layer instanceof DoraLayer dora) {
          dora.fix(linear.weight().value());
        }
        layers.put(linear.name(), layer);
      }
    }
  }

  /** The adapter of a layer, null for none. */
  AdapterLayer layer(String name) {
    return layers.get(name);
  }

  Optional<LoraEmbedding> embedding() {
    return Optional.ofNullable(embedding);
  }

  @Override
  public void close() {
    scope.close();
  }

  /** Stored values of an adapter whose base weights, where it stores them, are the model's. */
  private record OwnBase(StoredAdapter stored, Path directory) implements AdapterWeights {
    @Override
    public boolean isStart() {
      return false;
    }

    @Override
    public void fill(String name, Tensor to) {
      stored.fill(name, to);
    }

    @Override
    public void saved(Parameter parameter, Tensor to) {
      stored.saved(parameter, to);
    }

    @Override
    public void base(String module, Parameter weight, Scope scope) {
      Tensor own = weight.value();
      try (Scope scratch = new Scope(scope.backend(), "adapter file")) {
        Parameter other = new Parameter(weight.name(), own);
        stored.base(module, other, scratch);
        for (int r = 0; other.value() != own && r < own.rows(); r++) {
          float[] theirs = other.value().rows(r, r + 1).toFloats();
          if (!Arrays.equals(theirs, own.rows(r, r + 1).toFloats())) {
            throw refused(directory, "other values for row " + r + " of " + weight.name());
          }
        }
      }
    }
  }
}
