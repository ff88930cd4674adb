package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.BiFunction;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Parameter;

/**
 * What an optimizer keeps for each parameter: a step count and some tensors, saved as {@code
 * <parameter>.step} and {@code <parameter>.<buffer>} (the names PyTorch uses).
 */
final class ParameterState {
  /** One parameter with the group it belongs to. */
  static final class Slot {
    final Parameter parameter;
    final ParameterGroup group;
    final String[] names;
    final Tensor[] buffers; // in the order of the names
    int steps; // updates so far

    private Slot(Parameter parameter, ParameterGroup group, String[] names, Tensor[] buffers) {
      this.parameter = parameter;
      this.group = group;
      this.names = names;
      this.buffers = buffers;
    }
  }

  private final String kind;
  private final List<Slot> slots = new ArrayList<>();
  private final Scope scope;

  /** Tensors of the parameters' own shapes. */
  ParameterState(String kind, Scope scope, List<ParameterGroup> groups, List<String> names) {
    this(
        kind,
        scope,
        groups,
        (name, shape) -> ParameterRule.alike(shape, names.toArray(String[]::new)),
        (name, shape) -> DType.F32);
  }

  /**
   * @param kind the optimizer, as written into the file
   * @param shapes names and shapes of what is kept for a parameter; all start at zero
   * @param dtypes of these, from their name and the parameter's shape
   */
  ParameterState(
      String kind,
      Scope scope,
      List<ParameterGroup> groups,
      BiFunction<String, int[], SequencedMap<String, int[]>> shapes,
      BiFunction<String, int[], DType> dtypes) {
    this.kind = kind;
    this.scope = scope;
    Set<String> names = new HashSet<>();
    for (ParameterGroup group : groups) {
      for (Parameter p : group.parameters()) {
        if (!names.add(p.name())) {
          throw new IllegalArgumentException(
              "optimizer: parameter twice: expected distinct names, got " + p.name() + " again.");
        }
        SequencedMap<String, int[]> kept = shapes.apply(p.name(), p.value().shape().dims());
        int[] shape = p.value().shape().dims();
        Tensor[] buffers =
            kept.entrySet().stream()
                .map(e -> scope.zeros(dtypes.apply(e.getKey(), shape), e.getValue()))
                .toArray(Tensor[]::new);
        slots.add(new Slot(p, group, kept.keySet().toArray(String[]::new), buffers));
      }
    }
  }

  List<Slot> slots() {
    return slots;
  }

  List<Parameter> parameters() {
    return slots.stream().map(s -> s.parameter).toList();
  }

  void save(Path file) {
    save(file, Map.of());
  }

  /**
   * @param more entries of the file's metadata
   */
  void save(Path file, Map<String, String> more) {
    Map<String, String> metadata = new LinkedHashMap<>(more);
    metadata.put("format", "pt");
    metadata.put("optimizer", kind);
    List<TensorSource> tensors = new ArrayList<>();
    try (Scope scratch = new Scope(scope.backend(), "optimizer file")) {
      for (Slot slot : slots) {
        String name = slot.parameter.name() + ".";
        tensors.add(TensorBytes.source(name + "step", scratch.of(slot.steps)));
        for (int i = 0; i < slot.buffers.length; i++) {
          tensors.add(TensorBytes.source(name + slot.names[i], slot.buffers[i]));
        }
      }
      new SafetensorsWriter().write(file, tensors, metadata);
    }
  }

  void restore(Path file) {
    try (SafetensorsFile stored = SafetensorsFile.open(file);
        Scope scratch = new Scope(scope.backend(), "optimizer file")) {
      String other = stored.metadata().getOrDefault("optimizer", "none");
      int expected = slots.stream().mapToInt(s -> 1 + s.names.length).sum();
      if (!other.equals(kind) || stored.tensors().size() != expected) {
        throw new FormatException(
            file
                + ": not the state of this optimizer: expected "
                + expected
                + " tensors of "
                + kind
                + ", got "
                + stored.tensors().size()
                + " of "
                + other
                + ". Resume with the settings the run was started with.");
      }
      Tensor step = scratch.empty(DType.I32, 1);
      for (Slot slot : slots) {
        String name = slot.parameter.name() + ".";
        StoredTensor count = stored.tensor(name + "step");
        TensorBytes.read(file.toString(), count, step);
        for (int i = 0; i < slot.buffers.length; i++) {
          String buffer = name + slot.names[i];
          TensorBytes.read(file.toString(), stored.tensor(buffer), slot.buffers[i]);
        }
        slot.steps = step.toInts()[0];
      }
    }
  }
}
