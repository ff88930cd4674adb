package llmengine.peft;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;

/**
 * Which of a model's own weights are trained: all ({@code finetuning_type: full}) or some layers
 * ({@code freeze}). What is trained becomes float32 in a scope that lives as long as the run; the
 * rest is frozen and stays as it is stored.
 */
public final class TrainableParameters {
  private static final Pattern LAYER = Pattern.compile("\\.(\\d+)\\.([^.]+)");

  private TrainableParameters() {}

  /** Trains every weight. */
  public static List<Parameter> full(Decoder model, Scope scope) {
    return train(model, scope, new ArrayList<>(model.parameters().values()));
  }

  /**
   * Trains some layers, chosen by name as LLaMA-Factory chooses them.
   *
   * @param layers {@code freeze_trainable_layers}: the last n, the first |n| if negative
   * @param modules {@code freeze_trainable_modules}: names directly below a layer, or {@code all}
   * @param extra {@code freeze_extra_modules}: names outside the layers. Every parameter whose name
   *     contains one is trained, so {@code norm} takes the norms of all layers along, as there
   * @throws FormatException if the model has no module of such a name
   */
  public static List<Parameter> freeze(
      Decoder model, Scope scope, int layers, List<String> modules, List<String> extra) {
    int count = model.spec().layers().size();
    int from = layers > 0 ? Math.max(0, count - layers) : 0;
    int to = layers > 0 ? count : Math.min(-layers, count);
    return freeze(model, scope, IntStream.range(from, to).boxed().toList(), modules, extra);
  }

  /** Trains parts of these layers, given by index, and of what is outside the layers. */
  public static List<Parameter> freeze(
      Decoder model, Scope scope, List<Integer> layers, List<String> modules, List<String> extra) {
    Set<String> inside = new TreeSet<>();
    Set<String> outside = new TreeSet<>();
    for (String name : model.parameters().keySet()) {
      Matcher m = LAYER.matcher(name);
      if (m.find()) {
        inside.add(m.group(2));
      } else {
        String module = name.substring(0, name.lastIndexOf('.'));
        outside.add(module.substring(module.lastIndexOf('.') + 1));
      }
    }
    List<String> parts = new ArrayList<>();
    for (String module : modules) {
      boolean all = module.equals("all");
      if (!all) {
        known("freeze_trainable_modules", module, inside);
      }
      for (int l : layers) {
        parts.add("." + l + "." + (all ? "" : module));
      }
    }
    for (String module : extra) {
      known("freeze_extra_modules", module, outside);
      parts.add(module);
    }
    List<Parameter> chosen =
        model.parameters().values().stream()
            .filter(p -> parts.stream().anyMatch(p.name()::contains))
            .toList();
    if (chosen.isEmpty()) {
      throw new FormatException(
          "freeze_trainable_layers: nothing to train: expected at least one layer or extra module,"
              + " got "
              + layers
              + ". Give the number of layers.");
    }
    return train(model, scope, chosen);
  }

  private static void known(String key, String module, Set<String> names) {
    if (!names.contains(module)) {
      throw new FormatException(
          key
              + ": unknown module: expected one of "
              + names
              + ", got "
              + module
              + "."
              + Nearest.hint(module, names));
    }
  }

  private static List<Parameter> train(Decoder model, Scope scope, List<Parameter> chosen) {
    model.parameters().values().forEach(p -> p.trainable(false));
    for (Parameter p : chosen) {
      p.toFloat32(scope);
      p.trainable(true);
    }
    return List.copyOf(chosen);
  }
}
