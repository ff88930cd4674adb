package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
 * What an optimizer keeps for each parameter: a step count and tensors of the parameter's shape,
 * saved as {@code <parameter>.step} and {@code <parameter>.<buffer>} (the names PyTorch uses).
 */
final class ParameterState {
  /** One parameter with the group it belongs to. */
  static final class Slot {
    final Parameter parameter;
    final ParameterGroup group;
    final Tensor[] buffers; // float32, in the order of the names
    int steps; // updates so far

    private Slot(Parameter parameter, ParameterGroup group, Tensor[] buffers) {
      this.parameter = parameter;
      this.group = group;
      this.buffers = buffers;
    }
  }

  private final String kind;
  private final List<String> bufferNames;
  private final List<Slot> slots = new ArrayList<>();
  private final Scope scope;

  /**
   * @param kind the optimizer, as written into the file
   */
  ParameterState(String kind, Scope scope, List<ParameterGroup> groups, List<String> bufferNames) {
    this.kind = kind;
    this.scope = scope;
    this.bufferNames = bufferNames;
    Set<String> names = new HashSet<>();
    for (ParameterGroup group : groups) {
      for (Parameter p : group.parameters()) {
        if (!names.add(p.name())) {
          throw new IllegalArgumentException(
              "optimizer: parameter twice: expected distinct names, got " + p.name() + " again.");
        }
        Tensor[] buffers = new Tensor[bufferNames.size()];
        for (int i = 0; i < buffers.length; i++) {
          buffers[i] = scope.zeros(DType.F32, p.value().shape().dims());
        }
        slots.add(new Slot(p, group, buffers));
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
    List<TensorSource> tensors = new ArrayList<>();
    try (Scope scratch = new Scope(scope.backend(), "optimizer file")) {
      for (Slot slot : slots) {
        String name = slot.parameter.name() + ".";
        tensors.add(TensorBytes.source(name + "step", scratch.of(slot.steps)));
        for (int i = 0; i < slot.buffers.length; i++) {
          tensors.add(TensorBytes.source(name + bufferNames.get(i), slot.buffers[i]));
        }
      }
      new SafetensorsWriter().write(file, tensors, Map.of("format", "pt", "optimizer", kind));
    }
  }

  void restore(Path file) {
    try (SafetensorsFile stored = SafetensorsFile.open(file);
        Scope scratch = new Scope(scope.backend(), "optimizer file")) {
      String other = stored.metadata().getOrDefault("optimizer", "none");
      int expected = slots.size() * (1 + bufferNames.size());
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
          String buffer = name + bufferNames.get(i);
          TensorBytes.read(file.toString(), stored.tensor(buffer), slot.buffers[i]);
        }
        slot.steps = step.toInts()[0];
      }
    }
  }
}
