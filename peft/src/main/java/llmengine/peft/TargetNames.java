package llmengine.peft;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import llmengine.engine.FormatException;
import llmengine.nn.Decoder;

/** Names of layers that an adapter may sit on. */
final class TargetNames {
  private TargetNames() {}

  /**
   * @throws FormatException if a target matches no layer of the model
   */
  static void check(Decoder model, Placement placement) {
    List<String> modules = modules(model);
    List<String> known = lastParts(modules);
    List<Targets> parts =
        placement.targets() instanceof Targets.Names names
            ? names.names().stream().<Targets>map(n -> new Targets.Names(List.of(n))).toList()
            : List.of(placement.targets());
    for (Targets part : parts) {
      if (modules.stream().noneMatch(part::matches)) {
        String wrong =
            switch (part) {
              case Targets.Names n -> n.names().getFirst();
              case Targets.Regex r -> r.pattern();
              case Targets.All all -> "all";
            };
        throw new FormatException(
            "lora_target: unknown module: expected all or some of "
                + known
                + ", got "
                + wrong
                + "."
                + Nearest.hint(wrong, known));
      }
    }
  }

  /**
   * {@code all} as the names it stands for in this model, so that the saved adapter states them.
   */
  static Placement resolved(Decoder model, Placement placement) {
    return placement.targets() instanceof Targets.All
        ? placement.withTargets(new Targets.Names(lastParts(List.copyOf(model.linears().keySet()))))
        : placement;
  }

  private static List<String> modules(Decoder model) {
    List<String> modules = new ArrayList<>(model.linears().keySet());
    modules.add(model.embedding().name());
    modules.add(model.output().name());
    return modules;
  }

  private static List<String> lastParts(List<String> modules) {
    var parts = new TreeSet<String>();
    modules.forEach(m -> parts.add(m.substring(m.lastIndexOf('.') + 1)));
    return List.copyOf(parts);
  }

  /** Last name parts of all modules with weights. */
  static List<String> lastParts(Decoder model) {
    List<String> modules = new ArrayList<>();
    for (String p : model.parameters().keySet()) {
      modules.add(p.substring(0, p.lastIndexOf('.')));
    }
    modules.add(model.output().name());
    return lastParts(modules);
  }
}
