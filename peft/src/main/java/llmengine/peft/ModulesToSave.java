package llmengine.peft;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import llmengine.engine.FormatException;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;

/** Modules trained and stored whole beside an adapter ({@code modules_to_save}). */
final class ModulesToSave {
  private ModulesToSave() {}

  /** Gives the halves of a tied model weights of their own if a name stands for one of them. */
  static void untie(Decoder model, List<String> names) {
    if (names.stream()
        .anyMatch(n -> model.embedding().name().endsWith(n) || "lm_head".endsWith(n))) {
      untie(model);
    }
  }

  /** The output projection becomes a parameter of its own, with the same value for now. */
  static void untie(Decoder model) {
    Parameter shared = model.embedding().weight();
    if (model.output().weight() == shared) {
      Parameter own = new Parameter("lm_head.weight", shared.value());
      model.output().weight(own);
      model.addParameter(own);
    }
  }

  /** Parameters of all modules whose name ends with one of these, as PEFT matches them. */
  static List<Parameter> of(Decoder model, List<String> names) {
    var found = new LinkedHashMap<String, Parameter>();
    for (String name : names) {
      int before = found.size();
      for (Parameter p : model.parameters().values()) {
        if (isWithin(p.name(), name)) {
          found.put(p.name(), p);
        }
      }
      if (found.size() == before && found.keySet().stream().noneMatch(f -> isWithin(f, name))) {
        List<String> known = TargetNames.lastParts(model);
        throw new FormatException(
            "additional_target: unknown module: expected one of "
                + known
                + ", got "
                + name
                + "."
                + Nearest.hint(name, known));
      }
    }
    return new ArrayList<>(found.values());
  }

  /** Whether a module around the parameter has a name that ends with {@code end}. */
  private static boolean isWithin(String parameter, String end) {
    for (int dot = parameter.lastIndexOf('.'); dot > 0; dot = parameter.lastIndexOf('.', dot - 1)) {
      if (parameter.substring(0, dot).endsWith(end)) {
        return true;
      }
    }
    return false;
  }

  /** Puts a tensor of the model's scope in place; the old one goes back unless it is still used. */
  static void replace(Decoder model, Parameter p, Tensor value) {
    Tensor old = p.value();
    p.value(value);
    boolean used = model.parameters().values().stream().anyMatch(q -> q.value() == old);
    if (!used && model.scope().owns(old)) {
      model.scope().release(old);
    }
  }
}
